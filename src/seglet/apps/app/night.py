"""Light taken from a picture step by step, and what is then left of an answer. Axes: h rows, w columns.

Everything but the light stays as it is: a camera with the middle of MAET's ranges, see `seglet data darken`.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from seglet.apps.app.answers import Agreement, agreement
from seglet.data.dark.parameters import Darkening
from seglet.data.dark.pipeline import darken_picture
from seglet.data.dark.presets import MAET

LIGHTS = (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0)
"""Stops of light that are taken away; each halves it."""
BROKEN = 0.5
"""Mean IoU with its own answer in the light below which an answer is not that answer any more."""


@dataclass(frozen=True)
class Step:
    """What is left of an answer when `stops` of light are gone."""

    stops: float
    left: Agreement


def camera(stops: float, noise_seed: int = 0) -> Darkening:
    """2 to the -stops of the light is left; the rest lies in the middle of MAET's ranges."""
    log_shot = MAET.log_shot.at(0.5)
    return Darkening(
        variant="degrade",
        darkness=2.0**-stops,
        gamma=MAET.gamma.at(0.5),
        camera=0,
        gain=1.0,  # theirs is never divided out, so it would darken too
        red_gain=MAET.red_gain.at(0.5),
        blue_gain=MAET.blue_gain.at(0.5),
        shot_noise=math.exp(log_shot),
        read_noise=math.exp(2.18 * log_shot + 1.2),
        bits=14,
        noise_seed=noise_seed,
    )


def darkened(image: UInt8[np.ndarray, "h w 3"], stops: float) -> UInt8[np.ndarray, "h w 3"]:
    """The picture with so much less light; at 0 the picture itself, and not what a camera would make of it."""
    return image if stops <= 0 else darken_picture(image, camera(stops))


def fading(
    look: Callable[[UInt8[np.ndarray, "h w 3"]], UInt8[np.ndarray, "h w"]],
    image: UInt8[np.ndarray, "h w 3"],
    classes: int,
    lights: Sequence[float] = LIGHTS,
) -> list[Step]:
    """What is left of the answer in the light when ever more of it is taken away."""
    lit = look(image)
    return [Step(stops, agreement(lit, look(darkened(image, stops)), classes)) for stops in lights]


def breaking_point(steps: Sequence[Step]) -> float | None:
    """Stops at which the answer is broken for the first time; None if it never is."""
    return next((step.stops for step in steps if step.left.miou < BROKEN), None)
