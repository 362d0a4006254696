"""Routing of noise: pixels whose labels flip, and pixels whose features get noise (ViLaDiff Eq. 7).

Axes: b images, h rows, w columns.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from jaxtyping import Bool, Float
from torch import Tensor

RoutingRule = Literal["prose", "arguments", "hidden"]
NoiseKinds = Literal["both", "flips", "gaussian"]


@dataclass(frozen=True)
class NoiseRoute:
    """Pixels whose labels flip, and pixels whose features get Gaussian noise; of both kinds, each has one.

    `hides`: pixels of the second kind lose their label too, at every step.
    """

    flips: Bool[Tensor, "b h w"]
    gaussian: Bool[Tensor, "b h w"]
    hides: bool = False


def route_noise(
    confidence: Float[Tensor, "b h w"], threshold: float, reading: RoutingRule = "prose", noises: NoiseKinds = "both"
) -> NoiseRoute:
    """Decides the noise of each pixel by whether its confidence is above `threshold` τ.

    Eq. 7 prints the same q twice, so one C was lost. `prose`: confident pixels flip, as the text has "Gaussian noise …
    in ambiguous regions". `arguments`: confident pixels get Gaussian noise, as only the second line's ŷ_0 is a class.
    `hidden`, our third reading: as `prose`, but a doubtful pixel's label is hidden, since it is not noisy and, being
    the denoiser's own target, leaves nothing to learn but to copy it. With one kind of noise alone (Table 5) every
    pixel gets that.
    """
    if reading not in get_args(RoutingRule) or noises not in get_args(NoiseKinds):
        raise ValueError(
            f"expected a reading of {get_args(RoutingRule)} and noises of {get_args(NoiseKinds)}, got {reading!r}, "
            f"{noises!r}"
        )
    flips = torch.full_like(confidence, noises == "flips", dtype=torch.bool)
    if noises == "both":
        flips = confidence <= threshold if reading == "arguments" else confidence > threshold
    return NoiseRoute(flips, ~flips, hides=reading == "hidden")


def confidence_threshold(fraction: float, highest: float = 0.8, until: float = 0.5) -> float:
    """Returns τ when this share of training is done: it rises linearly from 0 to `highest` at `until`, and stays.

    Source: ViLaDiff Sec. 3.4; golden protocol (tau).
    """
    return highest if until <= 0 else highest * min(fraction / until, 1.0)
