"""Random colour jitter, drawn as one affine map of RGB.

Axes: h rows, w columns.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32

from seglet.types import option

LUMA_WEIGHTS = np.array([0.299, 0.587, 0.114])
"""Weights of red, green and blue in brightness (ITU-R BT.601)."""


@dataclass(frozen=True)
class ColourJitter:
    """Largest changes of colour; all zero, the default, leaves images unchanged."""

    brightness: float = option(0.0, "factor drawn from 1 ± this")
    contrast: float = option(0.0, "distance from the mean grey, factor drawn from 1 ± this")
    saturation: float = option(0.0, "distance from grey, factor drawn from 1 ± this")
    hue: float = option(0.0, "rotation of the colour circle, drawn from ± this; 0.5 is half a turn")

    def __post_init__(self) -> None:
        amounts = (self.brightness, self.contrast, self.saturation, self.hue)
        if min(amounts) < 0 or max(amounts) > 1 or self.hue > 0.5:
            raise ValueError(f"expected jitter from 0 to 1 and hue from 0 to 0.5, got {amounts}")

    @property
    def active(self) -> bool:
        """True if any colour can change."""
        return max(self.brightness, self.contrast, self.saturation, self.hue) > 0


def jitter_colours(
    image: Float32[np.ndarray, "h w 3"], amount: ColourJitter, rng: np.random.Generator
) -> Float32[np.ndarray, "h w 3"]:
    """Returns the image with randomly changed colours, in [0, 1].

    Hue, saturation, contrast and brightness are all affine in RGB, so they are applied together as one 3x3 matrix and
    an offset; values are clipped to [0, 1] once, at the end.
    """
    brightness, contrast, saturation = (
        1 + a * rng.uniform(-1, 1) for a in (amount.brightness, amount.contrast, amount.saturation)
    )
    turn = hue_matrix(amount.hue * rng.uniform(-1, 1))
    saturate = saturation * np.eye(3) + (1 - saturation) * LUMA_WEIGHTS  # rows mix towards the luma of the pixel
    matrix = brightness * contrast * saturate @ turn
    grey = float(image.mean(axis=(0, 1), dtype=np.float64) @ LUMA_WEIGHTS)
    offset = brightness * (1 - contrast) * grey
    moved = image @ matrix.T.astype(np.float32) + np.float32(offset)
    return np.asarray(np.clip(moved, 0, 1))


def hue_matrix(turn: float) -> Float[np.ndarray, "3 3"]:
    """Returns the matrix that rotates colours about the grey axis by `turn` of a full circle and keeps their luma."""
    angle = 2 * np.pi * turn
    to_yiq = np.array([LUMA_WEIGHTS, [0.595716, -0.274453, -0.321263], [0.211456, -0.522591, 0.311135]])
    cos, sin = np.cos(angle), np.sin(angle)
    rotate = np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])
    return np.asarray(np.linalg.inv(to_yiq) @ rotate @ to_yiq)
