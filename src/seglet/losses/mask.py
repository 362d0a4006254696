"""The loss of masks against masks of their own making.

Axes: b images, k classes, h rows, w columns.
"""

from jaxtyping import Float
from torch import Tensor

from seglet.tensors import pixel_cross_entropy
from seglet.types import Target


def mask_loss(logits: Float[Tensor, "b k _ _"], target: Target) -> Float[Tensor, " b"]:
    """Weighted cross-entropy of each image in nats, divided by all its pixels, annotated or not.

    So an image with few confident pixels pulls little, where `cross_entropy` would make up for them. Logits of another
    size are resized to the labels. An image without any annotated pixel gives 0 and no gradient.

    Source: SSSS, balanced_mask_loss_ce with the weights of `labels.pseudo_masks.balanced_target`; golden pseudo_gt.
    """
    labels = target.labels.long()
    per_pixel = pixel_cross_entropy(logits, labels)
    return (per_pixel * target.weight).sum((1, 2)) / max(labels[0].numel() if len(labels) else 1, 1)
