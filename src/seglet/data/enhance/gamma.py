"""Gamma correction: a power that brightens dark values and leaves black and white unchanged."""

import numpy as np
from jaxtyping import UInt8

_LEAST, _MOST = 0.1, 1.0
"""Range of exponents; an image is never darkened."""
_HALVINGS = 20


def correct_gamma(
    image: UInt8[np.ndarray, "h w 3"], gamma: float | None = None, target: float = 0.45
) -> UInt8[np.ndarray, "h w 3"]:
    """Returns the image to the power of `gamma`, by default the one from 0.1 to 1 that brings its mean to `target`.

    Raises:
        ValueError: `gamma` is not positive, or `target` not between 0 and 1.
    """
    if (gamma is not None and gamma <= 0) or not 0 < target < 1:
        raise ValueError(f"expected a gamma above 0 and a target between 0 and 1, got {gamma} and {target}")
    exponent = fitting_exponent(image, target) if gamma is None else gamma
    levels = np.rint((np.arange(256) / 255) ** exponent * 255).astype(np.uint8)
    return np.asarray(levels[image])


def fitting_exponent(image: UInt8[np.ndarray, "h w 3"], target: float) -> float:
    """Returns the exponent from 0.1 to 1 whose power has a mean as near `target` as possible."""
    counts, levels = np.bincount(image.ravel(), minlength=256), np.arange(256) / 255
    low, high = _LEAST, _MOST
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        brighter = counts @ levels**middle > target * max(1, image.size)
        low, high = (middle, high) if brighter else (low, middle)
    return high if high == _MOST else low if low == _LEAST else (low + high) / 2
