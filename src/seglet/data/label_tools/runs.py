"""Run-length encodings of masks, in the three forms that labelling tools write.

Axes: h rows, w columns. All begin with a run outside, which may have length 0.
"""

import numpy as np
from jaxtyping import Bool, Integer

from seglet.data.errors import DataError
from seglet.data.layouts.fields import finite_number, number_field, text_field


def run_lengths(values: Bool[np.ndarray, " n"]) -> list[int]:
    """Returns the lengths of alternating runs of False and True."""
    edges = np.flatnonzero(np.diff(values.astype(np.int8), prepend=0, append=2))
    return [int(length) for length in np.diff(edges, prepend=0)]


def from_run_lengths(lengths: list[int], count: int) -> Bool[np.ndarray, " n"]:
    """Returns the values that `run_lengths` encoded.

    Raises:
        DataError: the lengths do not add up to `count`.
    """
    given = np.asarray(lengths, np.int64)
    if given.ndim != 1 or (given < 0).any() or given.sum() != count:
        raise DataError(f"run lengths add up to {given.sum()}, not to {count} pixels")
    return np.repeat(np.arange(len(given)) % 2 == 1, given)


def coco_runs(inside: Bool[np.ndarray, "h w"]) -> dict[str, object]:
    """Returns a segmentation in COCO's compressed run lengths, which go down the columns."""
    lengths = run_lengths(inside.T.ravel())
    return {"size": list(inside.shape), "counts": compress_runs(lengths)}


def compress_runs(lengths: list[int]) -> str:
    """Returns run lengths as COCO's compressed text; the inverse of `layouts.rasterise.uncompress_runs`."""
    text = []
    for place, length in enumerate(lengths):
        number = length - (lengths[place - 2] if place > 2 else 0)
        more = True
        while more:
            group = number & 31
            number >>= 5
            more = number != (-1 if group & 16 else 0)
            text.append(chr(48 + (group | 32 if more else group)))
    return "".join(text)


def cvat_runs(inside: Bool[np.ndarray, "h w"]) -> dict[str, str]:
    """Returns CVAT's attributes: the box of the mask, which must not be empty, and the run lengths along its rows."""
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    top, left, bottom, right = int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1
    lengths = run_lengths(inside[top:bottom, left:right].ravel())
    box = {"left": left, "top": top, "width": right - left, "height": bottom - top}
    return {"rle": ", ".join(map(str, lengths)), **{name: str(value) for name, value in box.items()}}


def from_cvat_runs(attributes: dict[str, str], size: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    """Returns the mask that CVAT's attributes describe, in an image of `size` (h, w).

    Raises:
        DataError: an attribute is missing, or does not fit the image.
    """
    left, top, width, height = (
        round(number_field(attributes, name, "a mask")) for name in ("left", "top", "width", "height")
    )
    inside = np.zeros(size, np.bool_)
    if min(left, top) < 0 or min(width, height) < 1 or top + height > size[0] or left + width > size[1]:
        raise DataError(f"mask of {width}x{height} at ({left}, {top}) is outside the image of {size[1]}x{size[0]}")
    rle = text_field(attributes, "rle", "a mask")
    lengths = [round(finite_number(part, "`rle` of a mask")) for part in rle.split(",")]
    box = from_run_lengths(lengths, height * width).reshape(height, width)
    inside[top : top + height, left : left + width] = box
    return inside


_RUN_BITS = (3, 4, 8, 16)
"""Numbers of bits for a length in Label Studio's format, which stores each number less 1."""


def brush_runs(inside: Bool[np.ndarray, "h w"]) -> list[int]:
    """Returns a mask in Label Studio's format: packed bytes of an RGBA image, along the rows, all four channels equal.

    The bit stream begins with 32 bits for the count of numbers, 5 for their size less 1, and four times 4 for the sizes
    of lengths less 1. Each run has a bit set if its numbers are equal, the index of the size of its length, its length
    less 1, and its number or numbers.
    """
    lengths = run_lengths(inside.ravel())
    parts = [f"{4 * inside.size:032b}{7:05b}", *(f"{bits - 1:04b}" for bits in _RUN_BITS)]
    for place, length in enumerate(lengths):
        parts += _runs_of(4 * length, 255 if place % 2 else 0)
    bits = np.frombuffer("".join(parts).encode("ascii"), np.uint8) - ord("0")
    return [int(byte) for byte in np.packbits(bits)]


def _runs_of(length: int, value: int) -> list[str]:
    longest = 1 << _RUN_BITS[-1]
    parts = []
    while length:
        now = min(length, longest)
        kind = next(kind for kind, bits in enumerate(_RUN_BITS) if now <= 1 << bits)
        parts.append(f"1{kind:02b}{now - 1:0{_RUN_BITS[kind]}b}{value:08b}")
        length -= now
    return parts


def from_brush_runs(rle: object, size: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    """Returns True where the opacity in Label Studio's format is at least half.

    Raises:
        DataError: the data are truncated, or not for an image of `size` (h, w).
    """
    if not isinstance(rle, list) or not all(isinstance(byte, int) and 0 <= byte < 256 for byte in rle):
        raise DataError("packed mask holds something that is no byte")
    stream = _Bits("".join(f"{byte:08b}" for byte in rle))
    count, word = stream.read(32), stream.read(5) + 1
    sizes = [stream.read(4) + 1 for _ in range(4)]
    if count != 4 * size[0] * size[1]:
        raise DataError(f"packed mask has {count} numbers, an image of {size[1]}x{size[0]} four for each pixel")
    values = np.zeros(count, np.int64)
    at = 0
    while at < count:
        equal = stream.read(1)
        end = at + 1 + stream.read(sizes[stream.read(2)])
        if end > count:
            raise DataError("packed mask is longer than its image")
        values[at:end] = stream.read(word) if equal else [stream.read(word) for _ in range(end - at)]
        at = end
    return _opaque(values, word, size)


def _opaque(values: Integer[np.ndarray, " n"], word: int, size: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    half = 1 << (word - 1)
    return np.asarray(values.reshape(*size, 4)[..., 3] >= half)


class _Bits:
    def __init__(self, bits: str) -> None:
        self.bits, self.at = bits, 0

    def read(self, count: int) -> int:
        """Returns the next bits as a number, high bits first."""
        self.at += count
        if self.at > len(self.bits):
            raise DataError("packed mask is cut off")
        return int(self.bits[self.at - count : self.at], 2)
