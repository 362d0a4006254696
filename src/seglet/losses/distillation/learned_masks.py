"""Distillation under masks that tokens learn on the teacher's features (masked distillation, MasKD).

Axes: b images, c channels, h rows, w columns, m masks, one of each token.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from seglet.losses.distillation.feature_maps import check_same_shape, full_precision
from seglet.tensors import at_least_float32


def token_masks(tokens: Float[Tensor, "m c"], features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b m h w"]:
    """Computes the mask of each token, in (0, 1): the sigmoid of its product with the feature of each pixel.

    Source: Huang et al., «Masked Distillation with Receptive Tokens», ICLR 2023.
    """
    with full_precision(features):
        masks: Tensor = torch.einsum("mc,bchw->bmhw", at_least_float32(tokens), at_least_float32(features)).sigmoid()
    return masks


def mask_overlap(masks: Float[Tensor, "b m h w"]) -> Float[Tensor, ""]:
    """Computes the mean Dice coefficient of two different masks of an image, in [0, 1]; 0 for a single mask.

    It is 2·Σ a·b / (Σ a² + Σ b²) over pixels: 1 for equal masks, 0 for masks that share no pixel.
    """
    count = masks.shape[1]
    if count < 2:
        return masks.sum() * 0
    with full_precision(masks):
        flat = at_least_float32(masks).flatten(2)
        products = torch.bmm(flat, flat.mT)
        squares = products.diagonal(dim1=1, dim2=2)
        dice = 2 * products / (squares[:, :, None] + squares[:, None]).clamp_min(torch.finfo(flat.dtype).tiny)
        others = dice.sum() - dice.diagonal(dim1=1, dim2=2).sum()
        return others / (len(masks) * count * (count - 1))


def masked_distance(
    student: Float[Tensor, "b c h w"], teacher: Float[Tensor, "b c h w"], masks: Float[Tensor, "b m h w"]
) -> Float[Tensor, ""]:
    """Computes the squared norm of (student - teacher) · mask, averaged over masks and images.

    It is divided by c and by the sum of the mask, so a small mask counts as much as a large one. Pass teacher and masks
    detached.

    Raises:
        ValueError: the maps differ in shape or are empty.
    """
    check_same_shape(student, teacher)
    gap = F.mse_loss(at_least_float32(student), at_least_float32(teacher), reduction="none")
    squares = gap.mean(dim=1, keepdim=True)
    inside = (masks.square() * squares).sum((2, 3)) / masks.sum((2, 3)).clamp_min(torch.finfo(masks.dtype).tiny)
    return inside.mean()
