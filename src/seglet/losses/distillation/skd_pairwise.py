"""Distillation of similarities between places of an image (pairwise term of structured knowledge distillation, SKD).

Axes: b images, c channels, h rows, w columns; d channels of the teacher, n places after pooling.
"""

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from seglet.losses.distillation.feature_maps import check_same_places, full_precision, unit_vectors, whole_cache_lines
from seglet.tensors import at_least_float32

_ROWS = 128
"""Number of places whose similarities to all others are held at once."""


def pairwise_loss(
    student: Float[Tensor, "b c h w"],
    teacher: Float[Tensor, "b d h w"],
    window: int = 2,
    counted: Bool[Tensor, "b h w"] | None = None,
) -> Float[Tensor, ""]:
    """Computes the squared difference of the cosines between all pairs of places, averaged over b·n²; in [0, 4].

    Places are the cells of max-pooling with a square `window`. Channel counts may differ. Memory does not grow
    with n²; no gradient reaches the teacher. A place is pooled from the pixels where `counted` is true, and one without
    any is left out of the pairs and of their number; 0 where no place is left.

    Raises:
        ValueError: the maps differ in other axes than channels or are empty; `window` is not positive.

    Source: Liu et al., CVPR 2019, Eq. 2-3; CIRKD, losses/skd.py; golden skd_pairwise, loss_cirkd.
    """
    check_same_places(student, teacher)
    if window < 1:
        raise ValueError(f"window must be at least 1, got {window}; 1 compares all positions")
    own, other, pairs = _pooled(student, teacher, (window, window), counted)
    return _mean_gap(unit_vectors(own), unit_vectors(other)) * pairs


def coarse_pairwise_loss(
    student: Float[Tensor, "b c h w"],
    teacher: Float[Tensor, "b d h w"],
    scale: float = 0.5,
    counted: Bool[Tensor, "b h w"] | None = None,
) -> Float[Tensor, ""]:
    """Computes `pairwise_loss` as SKD's own code does, with places as large as `scale` times the map.

    For a scale of a half there are 2×2 or 3×3 places. Features are divided by a length that counts as a constant, so
    gradients are not those of the cosine.

    Raises:
        ValueError: the maps differ in other axes than channels or are empty; `scale` is not in (0, 1].

    Source: structure_knowledge_distillation, utils/criterion.py; golden skd_pairwise, loss_skd_official.
    """
    check_same_places(student, teacher)
    if not 0 < scale <= 1:
        raise ValueError(f"scale must be in (0, 1], got {scale}; 0.5 compares quarters of the image")
    height, width = student.shape[-2:]
    window = max(1, int(height * scale)), max(1, int(width * scale))
    own, other, pairs = _pooled(student, teacher, window, counted)
    return _mean_gap(_over_constant_length(own), _over_constant_length(other)) * pairs


def _pooled(
    student: Float[Tensor, "b c h w"],
    teacher: Float[Tensor, "b d h w"],
    window: tuple[int, int],
    counted: Bool[Tensor, "b h w"] | None,
) -> tuple[Float[Tensor, "b c n"], Float[Tensor, "b d n"], Tensor | float]:
    """Returns the places of both maps, 0 where none of a place's pixels is counted, and all pairs per counted pair."""
    maps = [at_least_float32(student), at_least_float32(teacher)]
    if counted is None:
        own, other = (F.max_pool2d(each, window, ceil_mode=True).flatten(2) for each in maps)
        return own, other, 1.0
    kept = [each.masked_fill(~counted[:, None], -torch.inf) for each in maps]
    own, other = (F.max_pool2d(each, window, ceil_mode=True).flatten(2) for each in kept)
    alive = F.max_pool2d(counted[:, None].to(own), window, ceil_mode=True).flatten(2) > 0
    pairs = alive.sum(dim=2).square().sum().clamp(min=1)
    return own.masked_fill(~alive, 0), other.masked_fill(~alive, 0), len(own) * own.shape[2] ** 2 / pairs


def _over_constant_length(places: Float[Tensor, "b c n"]) -> Float[Tensor, "b c n"]:
    length: Tensor = torch.linalg.vector_norm(places.detach(), dim=1, keepdim=True)
    return places / (length + 1e-8).masked_fill(length == 0, torch.inf)  # theirs: a gradient of 1e8 there


def _mean_gap(student: Float[Tensor, "b c n"], teacher: Float[Tensor, "b d n"]) -> Float[Tensor, ""]:
    with full_precision(student):
        gap: Tensor = _MeanGap.apply(student, teacher.detach())  # type: ignore[no-untyped-call]
    return gap


class _MeanGap(torch.autograd.Function):
    """Mean of G² over images and pairs, G = sᵀs - tᵀt, in blocks of rows.

    G is symmetric: only entries on and above the diagonal are computed. The gradient, 4 G s / (b n²), is computed
    along with each block.
    """

    @staticmethod
    def forward(ctx: Any, student: Tensor, teacher: Tensor) -> Tensor:
        b, _, n = student.shape
        width = whole_cache_lines(n)
        slope = student.new_zeros(*student.shape[:2], width)[..., :n] if ctx.needs_input_grad[0] else None
        gaps = student.new_empty(b, min(_ROWS, n), width)
        total = student.new_zeros(())
        for top in range(0, n, _ROWS):
            here, below = slice(top, top + _ROWS), slice(top + _ROWS, n)
            gap = gaps[:, : min(_ROWS, n - top), : n - top]
            torch.bmm(student[:, :, here].mT, student[:, :, top:], out=gap)
            gap.baddbmm_(teacher[:, :, here].mT, teacher[:, :, top:], alpha=-1)
            mirrored = gap[:, :, _ROWS:]
            if slope is not None:
                slope[:, :, here].baddbmm_(student[:, :, top:], gap.mT)
                slope[:, :, below].baddbmm_(student[:, :, here], mirrored)
            total += gap.square().sum() + mirrored.square().sum()
        if slope is not None:
            ctx.save_for_backward(slope.mul_(4 / (b * n * n)))
        return total / (b * n * n)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (slope,) = ctx.saved_tensors
        return gradient * slope, None
