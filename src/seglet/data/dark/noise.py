"""The random part of a sensor's noise, the same on every machine."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32

from seglet.data.portable_rng import PortableRng

_NOISE_STREAM = 1
"""Of the rng."""


@dataclass(frozen=True)
class SensorNoise:
    """Standard normal values, and uniform ones in [0, 1), which only the variant `degrade` reads."""

    normal: Float[np.ndarray, "h w 3"]
    uniform: Float[np.ndarray, "h w 3"] | None


class NoiseSource:
    """Noise for the rows of an image, in order. Equal seeds and equal requests give equal noise.

    Normal values are the 65 536 quantiles of the distribution, drawn by two random bytes; the largest is 4.3. NumPy
    draws finer ones, takes three times as long, and does not promise them across versions.
    """

    def __init__(self, seed: int, uniform: bool) -> None:
        self._rng = PortableRng(seed, _NOISE_STREAM)
        self._quantiles, self._uniform = normal_quantiles(), uniform

    def rows(self, height: int, width: int) -> SensorNoise:
        count = height * width * 3
        words = self._rng.bytes(2 * count).view("<u2").reshape(height, width, 3)
        normal = self._quantiles[words]
        if not self._uniform:
            return SensorNoise(normal, None)
        levels = self._rng.bytes(count).reshape(height, width, 3).astype(np.float32)
        return SensorNoise(normal, (levels + np.float32(0.5)) / np.float32(256))


def normal_quantiles() -> Float32[np.ndarray, "65536"]:
    """Values of a standard normal distribution that are equally likely, in order."""
    shares = (torch.arange(65536, dtype=torch.float64) + 0.5) / 65536
    return np.asarray(torch.special.ndtri(shares).float().numpy())
