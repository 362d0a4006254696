"""Darkness curve: agreement with the prediction on the full image, as light is taken away. Axes: h rows, w columns."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from seglet.data.dark.stops import stop_down
from seglet.webapp.predictors import MaskAgreement, compare_masks

DARKENING_STOPS = (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0)
"""Stops of light to take away; each halves it."""
BREAKING_MIOU = 0.5
"""Mean IoU with the prediction on the full image below which a prediction counts as broken."""


@dataclass(frozen=True)
class DarkeningStep:
    """Point of a darkness curve: agreement with the prediction on the full image at so many stops less."""

    stops: float
    agreement: MaskAgreement


def darkness_curve(
    predict: Callable[[UInt8[np.ndarray, "h w 3"]], UInt8[np.ndarray, "h w"]],
    image: UInt8[np.ndarray, "h w 3"],
    classes: int,
    stops: Sequence[float] = DARKENING_STOPS,
) -> list[DarkeningStep]:
    """Computes the agreement with the prediction on the full image for each number of stops taken away."""
    full = predict(image)
    return [DarkeningStep(each, compare_masks(full, predict(stop_down(image, each)), classes)) for each in stops]


def breaking_point(steps: Sequence[DarkeningStep]) -> float | None:
    """Returns the stops at which the prediction is broken for the first time; None if it never is."""
    return next((step.stops for step in steps if step.agreement.miou < BREAKING_MIOU), None)
