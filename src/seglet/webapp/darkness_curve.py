"""Light taken from an image step by step, and what is then left of an answer. Axes: h rows, w columns."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from seglet.data.dark.stops import stop_down
from seglet.webapp.answers import Agreement, agreement

LIGHTS = (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0)
"""Stops of light that are taken away; each halves it."""
BROKEN = 0.5
"""Mean IoU with its own answer in the light below which an answer is not that answer any more."""


@dataclass(frozen=True)
class Step:
    """What is left of an answer when `stops` of light are gone."""

    stops: float
    left: Agreement


def fading(
    look: Callable[[UInt8[np.ndarray, "h w 3"]], UInt8[np.ndarray, "h w"]],
    image: UInt8[np.ndarray, "h w 3"],
    classes: int,
    lights: Sequence[float] = LIGHTS,
) -> list[Step]:
    """What is left of the answer in the light when ever more of it is taken away."""
    lit = look(image)
    return [Step(stops, agreement(lit, look(stop_down(image, stops)), classes)) for stops in lights]


def breaking_point(steps: Sequence[Step]) -> float | None:
    """Stops at which the answer is broken for the first time; None if it never is."""
    return next((step.stops for step in steps if step.left.miou < BROKEN), None)
