"""Random numbers that are the same on every machine and with every version of NumPy."""

import numpy as np
from jaxtyping import UInt8


class PortableRng:
    """Random generator on the raw bits of Philox, whose stream NumPy guarantees; it does not guarantee distributions.

    Different `stream`s of one seed are independent, so that drawing a caption changes no pixel.
    """

    def __init__(self, seed: int, stream: int) -> None:
        self._bits = np.random.Philox(key=seed, counter=stream << 192)
        self._ready: list[int] = []

    def unit(self) -> float:
        """Draws a number, uniform in [0, 1)."""
        if not self._ready:
            self._ready = np.asarray(self._bits.random_raw(64)).tolist()
        return (self._ready.pop() >> 11) * 2.0**-53

    def between(self, low: float, high: float) -> float:
        """Draws a number, uniform in [low, high)."""
        return low + (high - low) * self.unit()

    def below(self, count: int) -> int:
        """Draws one of 0 … count - 1."""
        return int(self.unit() * count)

    def chance(self, probability: float) -> bool:
        """Returns True with the given probability."""
        return self.unit() < probability

    def bytes(self, count: int) -> UInt8[np.ndarray, " count"]:
        """Draws independent uniform bytes, for noise."""
        raw = np.asarray(self._bits.random_raw(-(-count // 8)), dtype="<u8")
        return raw.view(np.uint8)[:count]
