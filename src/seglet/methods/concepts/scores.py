"""Class maps from what a network says of each class by itself: thresholds, a background, a band of doubt.

Axes: b images, k classes with the background first, f foreground classes, h rows, w columns.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from seglet.tensors import at_least_float32
from seglet.types import with_background


def centre_thresholds(scores: Float[Tensor, "b f h w"], thresholds: Float[Tensor, " f"]) -> Float[Tensor, "b f h w"]:
    """Returns scores in [0, 1] moved so that each class's threshold lies at 0.5: linearly below and above it."""
    values, cut = at_least_float32(scores), thresholds[:, None, None].to(scores.device)
    return torch.where(values < cut, 0.5 * values / cut, 0.5 + 0.5 * (values - cut) / (1 - cut))


def exclusive_maps(
    scores: Float[Tensor, "b f h w"],
    tags: Float[Tensor, "b f"],
    thresholds: Float[Tensor, " f"],
    background_power: float = 1.0,
    margin: float = 0.0,
) -> Float[Tensor, "b k h w"]:
    """Returns class maps in [0, 1], the background first: 1 minus the strongest class, to a power.

    With the power 1 the background is stronger than a class exactly below its threshold. Classes without a tag are 0.
    Where the strongest map leads the next by less than `margin`, all maps are 0: the pixel is void.
    """
    values = centre_thresholds(scores, thresholds) * tags[:, :, None, None]
    strongest = with_background(values, 0.0).amax(dim=1, keepdim=True)  # of no class, 0
    maps = torch.cat([(1 - strongest) ** background_power, values], dim=1)
    if margin <= 0:
        return maps
    first, second = maps.topk(2, dim=1).values.unbind(dim=1)
    return maps * (first - second >= margin)[:, None]
