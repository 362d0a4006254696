"""From stochastic passes of a network to the weights of a loss.

Axes: b images, k classes, h rows, w columns. σ is the standard deviation of a class probability over passes.
"""

from collections.abc import Iterable
from typing import Literal, get_args

import torch
from jaxtyping import Float, Integer
from torch import Tensor

from seglet.tensors import resize_align_corners, running_mean_and_deviation
from seglet.types import IGNORE

Merging = Literal["logits", "pixel", "channel", "sample"]
"""What one σ stands for after averaging: a class at a pixel, a pixel, a class of an image, or an image."""

Growth = Literal["power", "exponential"]
"""How the weight grows with σ: (1 + mσ)^κ or exp(κmσ)."""


def deviation(draws: Iterable[Float[Tensor, "b k h w"]], ddof: int = 1) -> Float[Tensor, "b k h w"]:
    """Computes σ of each probability over the draws, which are consumed one at a time; 0 for a single draw.

    The sum of squares is divided by (number of draws - `ddof`).

    Raises:
        ValueError: there is no draw.

    Source: FOTF Eq. 6; ddof 0 is Eq. 5, ddof 1 what `torch.std` computes.
    """
    return running_mean_and_deviation(draws, ddof)[1]


def deviation_at(
    probabilities: Float[Tensor, "t b k _ _"], size: torch.Size | tuple[int, int], ddof: int = 1
) -> Float[Tensor, "b k h w"]:
    """σ at `size` of probabilities whose *logits* are resized: softmax and deviation come after the resizing.

    Log-probabilities stand in for the logits: the two differ by a constant of the pixel, the resized ones
    too, and softmax does not see it. One draw is held at full size at a time.
    """
    least = torch.finfo(probabilities.dtype).tiny
    logits = (draw.clamp_min(least).log() for draw in probabilities)
    return deviation((resize_align_corners(draw, size).softmax(dim=1) for draw in logits), ddof)


def merge(deviations: Float[Tensor, "b k h w"], merging: Merging) -> Float[Tensor, "b #k #h #w"]:
    """σ averaged over all that `merging` does not keep apart; averaged axes have length 1.

    Images are never averaged together.

    Raises:
        ValueError: no such merging.

    Source: FOTF Sec. 4.2, Table 4.
    """
    axes: dict[str, tuple[int, ...]] = {"logits": (), "pixel": (1,), "channel": (2, 3), "sample": (1, 2, 3)}
    if merging not in axes:
        raise ValueError(f"no merging {merging!r}; there are {', '.join(get_args(Merging))}")
    return deviations.mean(axes[merging], keepdim=True) if axes[merging] else deviations


def merge_at(
    deviations: Float[Tensor, "b k _ _"], merging: Merging, size: torch.Size | tuple[int, int]
) -> Float[Tensor, "b #k #h #w"]:
    """σ resized to `size`, then merged."""
    if merging in ("pixel", "sample"):
        deviations = merge(deviations, "pixel")  # commutes with resizing and leaves one map instead of k
    return merge(resize_align_corners(deviations, size), merging)


def uncertainty_weight(
    deviations: Float[Tensor, "*shape"],
    kappa: float,
    m: float = 1.0,
    growth: Growth = "power",
    max_weight: float | None = None,
) -> Float[Tensor, "*shape"]:
    """How much more an uncertain prediction counts: 1 where σ is 0, rising with σ, at most `max_weight`.

    Raises:
        ValueError: no such growth.

    Source: FOTF Eq. 7; the exponential of Table 4 has m = 1.
    """
    if growth == "power":
        weight = (1 + m * deviations) ** kappa  # Eq. 7
    elif growth == "exponential":
        weight = (kappa * m * deviations).exp()  # Table 4
    else:
        raise ValueError(f"no growth {growth!r}; there are {', '.join(get_args(Growth))}")
    return weight if max_weight is None else weight.clamp_max(max_weight)


def weight_of_labels(weight: Float[Tensor, "b #k #h #w"], labels: Integer[Tensor, "b h w"]) -> Float[Tensor, "b h w"]:
    """w(i, y_i) of FOTF Eq. 8: at each pixel, the weight of its own label; at an ignored one, that of class 0."""
    chosen = labels.masked_fill(labels == IGNORE, 0).long().unsqueeze(1)
    spread = weight.expand(-1, -1, *labels.shape[-2:])
    if spread.shape[1] == 1:
        return spread.squeeze(1)
    return spread.gather(1, chosen).squeeze(1)
