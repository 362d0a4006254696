"""Measures of the darkness of an image."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, UInt8

from seglet.data.augment.colour import LUMA_WEIGHTS

_MIDDLE_GREY = 0.18
"""Mean reflectance of a well exposed image, as a fraction of white."""
_SATURATED = 250
"""Stored value from which on a colour counts as saturated."""
_DIM = 0.1
"""Luma, in [0, 1], below which a pixel is hardly visible on a screen."""


@dataclass(frozen=True)
class ImageDarkness:
    """Darkness and noise of one image.

    Args:
        luma: mean luma in stored values, 0 to 255 (ITU-R BT.601).
        stops: number of doublings of the light that would give a mean of middle grey; at most 20.
        dim: share of the pixels that are hardly visible, in [0, 1].
        noise: standard deviation in stored values, from second differences; fine texture counts as noise too.
        coarse: noise of the image at half its size, as a share of `noise`: .5 if each pixel has its own, more where
            neighbours share it, as after demosaicing and noise reduction; 0 without noise.
        saturated: share of the pixels in which a colour is almost at its largest, in [0, 1].
    """

    luma: float
    stops: float
    dim: float
    noise: float
    coarse: float
    saturated: float


def measure_darkness(image: UInt8[np.ndarray, "h w 3"]) -> ImageDarkness:
    """Measures the darkness of an sRGB image; `noise` is 0 for sides of less than 3 pixels.

    A dark scene cannot be told from little light: a black cat in the sun counts as dark too.
    """
    values = np.arange(256) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)  # IEC 61966-2-1
    counts = np.stack([np.bincount(image[..., channel].ravel(), minlength=256) for channel in range(3)])
    light = float((counts @ linear) @ LUMA_WEIGHTS) / max(1, image[..., 0].size)
    luma: Float32[np.ndarray, "h w"] = image.astype(np.float32) @ LUMA_WEIGHTS.astype(np.float32)
    stops = math.log2(_MIDDLE_GREY / max(light, _MIDDLE_GREY / 2**20))
    dim, noise = float((luma < _DIM * 255).mean()), noise_deviation(luma)
    coarse = noise_deviation(_halved(luma)) / noise if noise else 0.0
    return ImageDarkness(
        float(luma.mean()), stops, dim, noise, coarse, float((image.max(axis=-1) >= _SATURATED).mean())
    )


def _halved(values: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "rows columns"]:
    rows, columns = (side // 2 for side in values.shape)
    return np.asarray(values[: 2 * rows, : 2 * columns].reshape(rows, 2, columns, 2).mean(axis=(1, 3)))


def noise_deviation(values: Float32[np.ndarray, "h w"]) -> float:
    """Estimates the standard deviation of uncorrelated noise, for images with few edges.

    Source: Immerkær, Computer Vision and Image Understanding 64(2), 1996.
    """
    if min(values.shape) < 3:
        return 0.0
    across = values[:, :-2] - 2 * values[:, 1:-1] + values[:, 2:]
    both = across[:-2] - 2 * across[1:-1] + across[2:]
    return float(np.abs(both).mean(dtype=np.float64)) * math.sqrt(math.pi / 2) / 6
