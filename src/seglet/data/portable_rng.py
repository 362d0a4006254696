"""Random numbers that are the same on every machine and in every version of NumPy."""

import numpy as np
from jaxtyping import UInt8


class PortableRng:
    """Draws from the raw bits of Philox, whose stream NumPy promises to keep; its distributions it does not.

    Different `stream`s of one seed are independent, so drawing a caption does not move a pixel.
    """

    def __init__(self, seed: int, stream: int) -> None:
        self._bits = np.random.Philox(key=seed, counter=stream << 192)
        self._ready: list[int] = []

    def unit(self) -> float:
        """Uniform in [0, 1)."""
        if not self._ready:
            self._ready = np.asarray(self._bits.random_raw(64)).tolist()
        return (self._ready.pop() >> 11) * 2.0**-53

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * self.unit()

    def below(self, count: int) -> int:
        """One of 0 … count - 1."""
        return int(self.unit() * count)

    def chance(self, probability: float) -> bool:
        return self.unit() < probability

    def bytes(self, count: int) -> UInt8[np.ndarray, " count"]:
        """Independent uniform bytes, for noise."""
        raw = np.asarray(self._bits.random_raw(-(-count // 8)), dtype="<u8")
        return raw.view(np.uint8)[:count]
