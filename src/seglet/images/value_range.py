"""The range of stored values that an image of more than 8 bits a channel uses, and its scaling to bytes.

One rule holds wherever an image is read, from a file or in memory. Values of 8 bits are taken as they are. Others are
scaled so that the white level becomes 255: the largest value of the smallest usual depth (8, 10, 12, 14 or 16 bits)
that holds the largest value. A camera of 12 bits thus gives images of 0 to 4095, whatever container stores them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
from jaxtyping import UInt8

from seglet.files import DataError

DEPTHS = (8, 10, 12, 14, 16)
"""Usual numbers of bits a channel."""
_LEVELS: tuple[int, ...] = tuple(2**bits - 1 for bits in DEPTHS)
FULL_RANGE = 65535
_STEP_OF_BYTES = 257
_STEP_OF_SHIFTED = 16
_FEWEST_SHIFTED = 4
"""Least number of different values whose common step is no accident."""
_FIRST_VALUES = 4096
"""Values that are looked at before all of them."""
_SLIGHTLY_ABOVE_ONE = 2


@dataclass(frozen=True)
class WhiteLevels:
    """White levels that the images of a data set share: of integers of more than 8 bits, and of floats.

    None stands for that of each image itself. An image that holds larger values has its own in any case.
    """

    integers: int | None = None
    floats: int | None = None

    def of_image(self, own: int, floats: bool) -> int:
        """Returns the white level of an image whose own is given."""
        shared = self.floats if floats else self.integers
        return own if shared is None else max(own, shared)


OWN_RANGE = WhiteLevels()


def white_levels_from_json(values: Mapping[str, Any]) -> WhiteLevels:
    """Returns the white levels that `dataclasses.asdict` made plain."""
    integers, floats = (None if values[kind] is None else int(values[kind]) for kind in ("integers", "floats"))
    return WhiteLevels(integers, floats)


@dataclass(frozen=True)
class Channel:
    """A channel of the images of a data set, with statistics of its stored values.

    Half a per cent of the values is below `low`, and as many are above `high`: between them it is drawn.

    Raises:
        ValueError: there is no name, or a number is not finite, or the deviation not positive.
    """

    name: str
    mean: float
    std: float
    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.name or not all(map(isfinite, (self.mean, self.std, self.low, self.high))) or self.std <= 0:
            raise ValueError(f"expected a channel with a name, finite numbers and a positive deviation, got {self}")


def channels_from_json(rows: Sequence[Mapping[str, Any]]) -> tuple[Channel, ...]:
    """Returns the channels that `dataclasses.asdict` made plain."""
    names = ("mean", "std", "low", "high")
    return tuple(Channel(str(row["name"]), *(float(row[name]) for name in names)) for row in rows)


def white_level(values: np.ndarray) -> int:
    """Returns the stored value that becomes white: 255, 1023, 4095, 16383 or 65535; of floats up to 1 also 1.

    Integers that are all multiples of 257 are bytes that were repeated in 16 bits, and multiples of 16 are values that
    were shifted to the upper end of 16 bits: both have the white level 65535, however dark they are.

    Raises:
        DataError: values are negative, not finite, beyond 16 bits, or floats slightly above 1; says what to do.
    """
    if values.size == 0 or values.dtype in (np.uint8, np.bool_):
        return 255
    low, high = values.min(), values.max()
    floats = values.dtype.kind == "f"
    if floats and not (np.isfinite(low) and np.isfinite(high)):
        count = int(np.size(values) - np.isfinite(values).sum())
        raise DataError(f"holds floats of which {count} are not finite (NaN); replace them by numbers from 0 up")
    if low < 0 or high > FULL_RANGE:
        kind = "floats" if floats else "32-bit values" if values.dtype.itemsize > 2 else "values"
        raise DataError(
            f"holds {kind} from {low:g} to {high:g}, whose range is unknown; shift and scale them to 0..65535 (or to "
            "0..1 as floats)"
        )
    if floats and high <= 1:
        return 1
    if floats and high < _SLIGHTLY_ABOVE_ONE:
        raise DataError(f"holds floats up to {high:g}, slightly above 1; clip them to 0..1")
    if not floats and high > 0 and _is_scaled(values):
        return FULL_RANGE
    return next(level for level in _LEVELS if high <= level)


def _is_scaled(values: np.ndarray) -> bool:
    """True if the steps between values show that fewer bits were scaled to 16 when the file was written."""
    if _are_multiples(values, _STEP_OF_BYTES):
        return True
    some = values.ravel()[:: max(1, values.size // FULL_RANGE)]
    return len(np.unique(some)) >= _FEWEST_SHIFTED and _are_multiples(values, _STEP_OF_SHIFTED)


def _are_multiples(values: np.ndarray, step: int) -> bool:
    some = values.ravel()[:_FIRST_VALUES]
    return not (some % step).any() and not (values % step).any()


def scale_to_bytes(values: np.ndarray, white: int) -> UInt8[np.ndarray, "..."]:
    """Returns the values, from 0 to the white level, as bytes from 0 to 255, rounded to the nearest."""
    if values.dtype == np.uint8:
        return values
    if values.dtype == np.bool_:
        return values.astype(np.uint8) * np.uint8(255)
    scaled = np.multiply(values, 255 / white, dtype=np.float32, casting="unsafe")
    nearest: UInt8[np.ndarray, "..."] = np.rint(scaled, out=scaled).astype(np.uint8)
    return nearest
