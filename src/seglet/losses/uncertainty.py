"""Loss weights from the uncertainty of a network, measured by several stochastic forward passes.

Axes: t passes, b images, k classes, h rows, w columns. σ is the standard deviation of a class probability over passes.
"""

from typing import Literal, get_args

import torch
from jaxtyping import Float, Integer
from torch import Tensor

from seglet.tensors import resize_align_corners, running_mean_and_deviation
from seglet.types import IGNORE

DeviationMerging = Literal["logits", "pixel", "channel", "sample"]
"""Unit that keeps its own σ when σ is averaged: a class at a pixel, a pixel, a class of an image, or an image."""

WeightGrowth = Literal["power", "exponential"]
"""Growth of the weight with σ: (1 + mσ)^κ or exp(κmσ)."""


def resized_deviation(
    probabilities: Float[Tensor, "t b k _ _"], size: torch.Size | tuple[int, int], ddof: int = 1
) -> Float[Tensor, "b k h w"]:
    """Computes σ at `size` from logits that are resized first: softmax and deviation come after the resizing.

    Log-probabilities replace the logits: the two differ by a constant per pixel, also when resized, and softmax
    ignores it. One pass is held at full size at a time. `ddof` is that of `running_mean_and_deviation`.
    """
    least = torch.finfo(probabilities.dtype).tiny
    logits = (draw.clamp_min(least).log() for draw in probabilities)
    draws = (resize_align_corners(draw, size).softmax(dim=1) for draw in logits)
    return running_mean_and_deviation(draws, ddof)[1]  # Eq. 6; ddof 0 is Eq. 5


def merge_deviation(deviations: Float[Tensor, "b k h w"], merging: DeviationMerging) -> Float[Tensor, "b #k #h #w"]:
    """Averages σ over the axes that `merging` does not keep apart; averaged axes have length 1.

    Images are never averaged together.

    Raises:
        ValueError: there is no such merging.

    Source: FOTF Sec. 4.2, Table 4.
    """
    axes: dict[str, tuple[int, ...]] = {"logits": (), "pixel": (1,), "channel": (2, 3), "sample": (1, 2, 3)}
    if merging not in axes:
        raise ValueError(f"no merging {merging!r}; there are {', '.join(get_args(DeviationMerging))}")
    return deviations.mean(axes[merging], keepdim=True) if axes[merging] else deviations


def merge_resized_deviation(
    deviations: Float[Tensor, "b k _ _"], merging: DeviationMerging, size: torch.Size | tuple[int, int]
) -> Float[Tensor, "b #k #h #w"]:
    """Resizes σ to `size` (h, w) with aligned corners, then averages it as `merge_deviation` does."""
    if merging in ("pixel", "sample"):
        deviations = merge_deviation(deviations, "pixel")  # commutes with resizing and leaves one map instead of k
    return merge_deviation(resize_align_corners(deviations, size), merging)


def uncertainty_weight(
    deviations: Float[Tensor, "*shape"],
    kappa: float,
    m: float = 1.0,
    growth: WeightGrowth = "power",
    max_weight: float | None = None,
) -> Float[Tensor, "*shape"]:
    """Computes the loss weight of a prediction: 1 where σ is 0, rising with σ, at most `max_weight`.

    Raises:
        ValueError: there is no such growth.

    Source: FOTF Eq. 7; the exponential of Table 4 has m = 1.
    """
    if growth == "power":
        weight = (1 + m * deviations) ** kappa  # Eq. 7
    elif growth == "exponential":
        weight = (kappa * m * deviations).exp()  # Table 4
    else:
        raise ValueError(f"no growth {growth!r}; there are {', '.join(get_args(WeightGrowth))}")
    return weight if max_weight is None else weight.clamp_max(max_weight)


def label_weight(weight: Float[Tensor, "b #k #h #w"], labels: Integer[Tensor, "b h w"]) -> Float[Tensor, "b h w"]:
    """Returns each pixel's weight for its own label, w(i, y_i) of FOTF Eq. 8; for ignored pixels that of class 0."""
    chosen = labels.masked_fill(labels == IGNORE, 0).long().unsqueeze(1)
    spread = weight.expand(-1, -1, *labels.shape[-2:])
    if spread.shape[1] == 1:
        return spread.squeeze(1)
    return spread.gather(1, chosen).squeeze(1)
