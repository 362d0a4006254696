"""Multi-scale Retinex: an image relative to its surroundings at several distances, with colour restoration."""

import numpy as np
from jaxtyping import Float32, UInt8

_SIGMAS = (15.0, 80.0, 250.0)
"""Small, medium and large surrounds, in pixels."""
_STRENGTH = 125.0
"""α of the colour restoration: a larger value gives stronger colours."""


def msrcr(
    image: UInt8[np.ndarray, "h w 3"], sigmas: tuple[float, ...] = _SIGMAS, cut: float = 0.01
) -> UInt8[np.ndarray, "h w 3"]:
    """Applies multi-scale Retinex with colour restoration; with a single sigma, single-scale Retinex.

    Each channel is then stretched between its `cut` and 1 - `cut` quantiles; the published gain and offset suit images
    of one kind only. A channel without contrast is left unchanged.

    Raises:
        ValueError: there is no sigma, one is not positive, or `cut` is not in [0, 0.5).

    Source: Jobson, Rahman and Woodell, IEEE Transactions on Image Processing 6(7), 1997.
    """
    if not sigmas or min(sigmas) <= 0 or not 0 <= cut < 0.5:
        raise ValueError(f"expected positive sigmas and a cut of 0 to below 0.5, got {sigmas} and {cut}")
    values = image.astype(np.float32) + 1
    beyond = np.mean([np.log(values) - np.log(box_blur(values, sigma)) for sigma in sigmas], axis=0, dtype=np.float32)
    restored = beyond * np.log(1 + _STRENGTH * values / values.sum(axis=2, keepdims=True))
    low, high = np.quantile(restored, (cut, 1 - cut), axis=(0, 1))
    flat = high - low < 1e-4
    stretched = (restored - low) / np.where(flat, 1, high - low)
    bright = (np.clip(stretched, 0, 1) * 255 + 0.5).astype(np.uint8)
    return np.where(flat, image, bright)


def box_blur(values: Float32[np.ndarray, "h w c"], sigma: float) -> Float32[np.ndarray, "h w c"]:
    """Applies three moving averages, close to a Gaussian at a cost independent of `sigma`; edges are repeated."""
    radius = max(1, round((np.sqrt(4 * sigma**2 + 1) - 1) / 2))  # three boxes of 2r + 1 have the variance σ²
    for _ in range(3):
        for axis in (0, 1):
            values = _averaged(values, radius, axis)
    return values


def _averaged(values: Float32[np.ndarray, "h w c"], radius: int, axis: int) -> Float32[np.ndarray, "h w c"]:
    margin = [(0, 0)] * 3
    margin[axis] = (radius + 1, radius)
    sums = np.pad(values, margin, mode="edge").cumsum(axis=axis, dtype=np.float64)
    side = values.shape[axis]
    ends = np.take(sums, np.arange(2 * radius + 1, 2 * radius + 1 + side), axis=axis)
    starts = np.take(sums, np.arange(side), axis=axis)
    return np.asarray((ends - starts) / (2 * radius + 1), np.float32)
