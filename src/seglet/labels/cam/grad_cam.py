"""Class activation maps from gradients of class scores (Grad-CAM), with a softmax over texts (CLIP-ES).

Axes: b images, f foreground classes, m texts for the background, t tokens, n patches, c channels.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from seglet.tensors import at_least_float32


def tagged_softmax(similarity: Float[Tensor, "b _"], tags: Float[Tensor, "b f"]) -> Float[Tensor, "b f"]:
    """Returns the probability of each tagged class beside the other tagged classes of its image and the background.

    Classes thus exclude one another, and what raises the background lowers a class: the weights of `channel_weights`
    are those of the class's logit times s (1 - s), less those of each rival r times s s_r. Classes without a tag have
    probability 0 and are nobody's rival.

    Args:
        similarity: logits of the f classes, then of the texts for the background.
        tags: 1 for the classes of the image, 0 for others.

    Source: Lin et al., CVPR 2023 (CLIP-ES), Sec. 3.2.
    """
    absent = torch.zeros_like(similarity, dtype=torch.bool)
    absent[:, : tags.shape[1]] = tags == 0
    shares = at_least_float32(similarity).masked_fill(absent, torch.finfo(torch.float32).min).softmax(dim=1)
    return shares[:, : tags.shape[1]] * (tags != 0)


def channel_weights(
    scores: Float[Tensor, "b f"], activations: Float[Tensor, "b t c"], tags: Float[Tensor, "b f"], leading: int = 0
) -> Float[Tensor, "b f c"]:
    """Returns the gradient of each tagged class's score with respect to the activations, averaged over patches.

    Activations must be part of the graph of the scores, which is kept. Weights of classes without a tag are 0.

    Args:
        scores: one for each class, of its own image's activations alone.
        activations: tokens that the scores depend on.
        tags: 1 for the classes to compute.
        leading: tokens before the patches, such as CLIP's class token, that are left out of the mean.

    Source: Selvaraju et al., ICCV 2017 (Grad-CAM), Eq. 1.
    """
    weights = activations.new_zeros(*scores.shape, activations.shape[2])
    for label in tags.any(dim=0).nonzero()[:, 0].tolist():
        gradient = torch.autograd.grad(scores[:, label].sum(), activations, retain_graph=True)[0]
        weights[:, label] = gradient[:, leading:].mean(dim=1) * (tags[:, label, None] != 0)
    return weights


def weighted_activations(
    activations: Float[Tensor, "b n c"], weights: Float[Tensor, "b f c"]
) -> Float[Tensor, "b f n"]:
    """Returns the sum of the channels, each with its weight for the class, where it is positive.

    Source: Selvaraju et al., ICCV 2017 (Grad-CAM), Eq. 2.
    """
    with torch.autocast(activations.device.type, enabled=False):
        return torch.bmm(at_least_float32(weights), at_least_float32(activations).mT).relu()


def confidence_of(maps: Float[Tensor, "b k h w"]) -> Float[Tensor, "b h w"]:
    """Returns the share of the strongest map among all maps of a pixel, in [0, 1]; 0 where all are 0."""
    total = maps.sum(dim=1)
    return maps.amax(dim=1) / total.clamp_min(torch.finfo(maps.dtype).tiny)
