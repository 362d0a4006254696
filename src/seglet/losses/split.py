"""Cross-entropy that gives background and foreground equal say.

Axes: b images, k classes, h rows, w columns.
"""

from jaxtyping import Float
from torch import Tensor

from seglet.tensors import pixel_cross_entropy
from seglet.types import IGNORE, Target


def split_cross_entropy(logits: Float[Tensor, "b k _ _"], target: Target) -> Float[Tensor, ""]:
    """Half the mean cross-entropy over background and half that over all other annotated pixels, in nats.

    Background is label 0. Each mean divides by the pixels of its kind in the batch, whatever their weight, and is 0
    if there is none, where the authors' code gives NaN. Logits of another size are resized to the labels.

    Source: AFA and WeCLIP, code, get_seg_loss; golden affinity_loss (seg_loss).
    """
    labels = target.labels.long()
    per_pixel = pixel_cross_entropy(logits, labels) * target.weight
    kinds = (labels == 0, (labels != 0) & (labels != IGNORE))
    background, foreground = ((per_pixel * kind).sum() / kind.sum().clamp(min=1) for kind in kinds)
    return (background + foreground) / 2
