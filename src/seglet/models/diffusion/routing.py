"""Which pixels' labels flip and which pixels' features get noise (ViLaDiff Eq. 7).

Axes: b images, h rows, w columns.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from jaxtyping import Bool, Float
from torch import Tensor

Reading = Literal["prose", "arguments"]
Noises = Literal["both", "flips", "gaussian"]


@dataclass(frozen=True)
class Route:
    """Where labels flip, and where features get Gaussian noise; with both kinds on, every pixel has exactly one."""

    flips: Bool[Tensor, "b h w"]
    gaussian: Bool[Tensor, "b h w"]


def route(
    confidence: Float[Tensor, "b h w"], threshold: float, reading: Reading = "prose", noises: Noises = "both"
) -> Route:
    """The noise of each pixel, by whether its confidence is above `threshold` τ.

    Eq. 7 prints the same q twice, so one C was lost. `prose`: the confident flip, for "Gaussian noise … in ambiguous
    regions" is what the text says. `arguments`: the confident get Gaussian noise, for only the second line's ŷ_0 is a
    class. With one kind of noise alone (Table 5) every pixel takes that.
    """
    if reading not in get_args(Reading) or noises not in get_args(Noises):
        raise ValueError(
            f"expected a reading of {get_args(Reading)} and noises of {get_args(Noises)}, got {reading!r}, {noises!r}"
        )
    all_of_them = torch.ones_like(confidence, dtype=torch.bool)
    if noises != "both":
        return Route(all_of_them, ~all_of_them) if noises == "flips" else Route(~all_of_them, all_of_them)
    sure = confidence > threshold
    return Route(sure, ~sure) if reading == "prose" else Route(~sure, sure)


def threshold_at(fraction: float, highest: float = 0.8, until: float = 0.5) -> float:
    """τ when this share of training is done: rises linearly from 0 to `highest` at `until`, and stays.

    Source: ViLaDiff Sec. 3.4; golden protocol (tau).
    """
    return highest if until <= 0 else highest * min(fraction / until, 1.0)
