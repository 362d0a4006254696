"""Random numbers for sensor noise, the same on every machine."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32

from seglet.data.portable_rng import PortableRng

_NOISE_STREAM = 1
"""Stream of the random generator."""


@dataclass(frozen=True)
class SensorNoise:
    """Standard normal values, and uniform ones in [0, 1), which only the variant `degrade` uses."""

    normal: Float[np.ndarray, "h w 3"]
    uniform: Float[np.ndarray, "h w 3"] | None


class NoiseSource:
    """Source of noise for the rows of an image, in order; equal seeds and equal requests give equal noise.

    Normal values are drawn from 65 536 quantiles of the distribution by two random bytes; the largest is 4.3. NumPy's
    are finer, take three times as long, and are not guaranteed across versions.
    """

    def __init__(self, seed: int, uniform: bool) -> None:
        self._rng = PortableRng(seed, _NOISE_STREAM)
        self._quantiles, self._uniform = normal_quantiles(), uniform

    def rows(self, height: int, width: int) -> SensorNoise:
        """Draws the noise of the next `height` rows."""
        count = height * width * 3
        words = self._rng.bytes(2 * count).view("<u2").reshape(height, width, 3)
        normal = self._quantiles[words]
        if not self._uniform:
            return SensorNoise(normal, None)
        levels = self._rng.bytes(count).reshape(height, width, 3).astype(np.float32)
        return SensorNoise(normal, (levels + np.float32(0.5)) / np.float32(256))


def normal_quantiles() -> Float32[np.ndarray, "65536"]:
    """Returns 65 536 equally likely values of a standard normal distribution, in order."""
    shares = (torch.arange(65536, dtype=torch.float64) + 0.5) / 65536
    return np.asarray(torch.special.ndtri(shares).float().numpy())
