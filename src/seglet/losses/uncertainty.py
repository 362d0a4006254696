"""Loss weights from the uncertainty of a network: of several stochastic passes, or of the probabilities of one.

Axes: t passes, b images, k classes, h rows, w columns. σ is the standard deviation of a class probability over passes,
or a measure of one pass, which has one value a pixel.
"""

import math
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from jaxtyping import Float, Integer
from torch import Tensor

from seglet.tensors import at_least_float32, resize_align_corners, running_mean_and_deviation
from seglet.types import IGNORE

DeviationMerging = Literal["logits", "pixel", "channel", "sample", "class"]
"""Unit that keeps its own σ when σ is averaged: a class at a pixel, a pixel, a class of an image, or an image.

`class` is a class of an image too, but averages over the pixels that are predicted as it."""

WeightGrowth = Literal["power", "exponential"]
"""Growth of the weight with σ: (1 + mσ)^κ or exp(κmσ)."""

_LARGEST_KAPPA, _BISECTIONS = 64.0, 40


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


def entropy_uncertainty(logits: Float[Tensor, "b k h w"]) -> Float[Tensor, "b 1 h w"]:
    """Computes the entropy of the class probabilities divided by log k: 0 where certain, 1 where all are equal."""
    log = F.log_softmax(at_least_float32(logits), dim=1)
    return -(log.exp() * log).sum(dim=1, keepdim=True) / math.log(max(logits.shape[1], 2))


def margin_uncertainty(logits: Float[Tensor, "b k h w"]) -> Float[Tensor, "b 1 h w"]:
    """Computes 1 - (p₁ - p₂) of the two most probable classes: 0 where certain, 1 where they are equal."""
    two = F.pad(at_least_float32(logits).softmax(dim=1), (0, 0, 0, 0, 0, 1)).topk(2, dim=1).values
    return 1 - (two[:, :1] - two[:, 1:])


def merge_deviation(
    deviations: Float[Tensor, "b j h w"],
    merging: DeviationMerging,
    probabilities: Float[Tensor, "b k h w"] | None = None,
) -> Float[Tensor, "b _ #h #w"]:
    """Averages σ over the axes that `merging` does not keep apart; averaged axes have length 1.

    Images are never averaged together. With `class` a pixel counts as much as the class is probable there,
    Σ p·σ / Σ p over the image, so that the σ of a class is not that of its area.

    Raises:
        ValueError: there is no such merging, or `class` has no `probabilities`.

    Source: FOTF Sec. 4.2, Table 4; `class` is ours.
    """
    axes: dict[str, tuple[int, ...]] = {"logits": (), "pixel": (1,), "channel": (2, 3), "sample": (1, 2, 3)}
    if merging == "class":
        if probabilities is None:
            raise ValueError("merging `class` averages by the class probabilities; give `probabilities`")
        least = torch.finfo(probabilities.dtype).tiny
        total = (probabilities * deviations).sum((2, 3), keepdim=True)
        return total / probabilities.sum((2, 3), keepdim=True).clamp_min(least)
    if merging not in axes:
        raise ValueError(f"no merging {merging!r}; there are {', '.join(get_args(DeviationMerging))}")
    return deviations.mean(axes[merging], keepdim=True) if axes[merging] else deviations


def merge_resized_deviation(
    deviations: Float[Tensor, "b j h w"],
    merging: DeviationMerging,
    size: torch.Size | tuple[int, int],
    probabilities: Float[Tensor, "b k h w"] | None = None,
) -> Float[Tensor, "b _ _ _"]:
    """Resizes σ to `size` (h, w) with aligned corners, then averages it as `merge_deviation` does."""
    if merging == "class":
        return merge_deviation(deviations, "class", probabilities)
    if merging in ("pixel", "sample"):
        deviations = merge_deviation(deviations, "pixel")  # commutes with resizing and leaves one map instead of k
    return merge_deviation(resize_align_corners(deviations, size), merging)


def shuffle_pixels(maps: Float[Tensor, "b k h w"], generator: torch.Generator) -> Float[Tensor, "b k h w"]:
    """Returns the values of all pixels of the batch in random order; the classes of a pixel stay together."""
    b, k, h, w = maps.shape
    order = torch.randperm(b * h * w, generator=generator, device=maps.device)
    pixels = maps.permute(0, 2, 3, 1).reshape(-1, k)[order]
    return pixels.reshape(b, h, w, k).permute(0, 3, 1, 2).contiguous()


def uncertainty_weight(
    deviations: Float[Tensor, "*shape"],
    kappa: float | Float[Tensor, ""],
    m: float | Float[Tensor, ""] = 1.0,
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


def fit_weight_growth(
    quantiles: Float[Tensor, " q"], mean: float, growth: WeightGrowth = "power", max_weight: float | None = None
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Finds κ and m for which the weights of the given σ have this mean.

    m is the inverse of the 0.95 quantile, so that mσ is about 1 where σ is large, however small σ is as a whole; κ
    follows by bisection in [0, 64] and is 64 where the mean is out of reach, such as with σ = 0 everywhere.

    Args:
        quantiles: quantiles of σ at equal steps of probability, which stand for its distribution.
        mean: mean weight, at least 1.
    """
    wide = quantiles.float()
    m = 1 / wide.quantile(0.95).clamp_min(1e-6)
    low, high = torch.zeros_like(m), torch.full_like(m, _LARGEST_KAPPA)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        above = uncertainty_weight(wide, middle, m, growth, max_weight).mean() > mean
        low, high = torch.where(above, low, middle), torch.where(above, middle, high)
    return high, m


def label_weight(weight: Float[Tensor, "b #k #h #w"], labels: Integer[Tensor, "b h w"]) -> Float[Tensor, "b h w"]:
    """Returns each pixel's weight for its own label, w(i, y_i) of FOTF Eq. 8; for ignored pixels that of class 0."""
    chosen = labels.masked_fill(labels == IGNORE, 0).long().unsqueeze(1)
    spread = weight.expand(-1, -1, *labels.shape[-2:])
    if spread.shape[1] == 1:
        return spread.squeeze(1)
    return spread.gather(1, chosen).squeeze(1)
