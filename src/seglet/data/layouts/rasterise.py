"""Draws polygons and run lengths, as COCO writes them, into masks.

Axes: h rows, w columns.
"""

from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from seglet.data.errors import DataError

_MAX_CROSSINGS = 10**7


def rasterise_segmentation(segmentation: object, size: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    """Returns True inside a segmentation: a list of polygons, or run lengths, plain or as COCO's compressed text.

    Raises:
        DataError: it is neither, or does not fit an image of `size` (h, w).
    """
    try:
        if isinstance(segmentation, list):
            return _polygons(segmentation, size)
        if isinstance(segmentation, dict):
            return _run_lengths(segmentation, size)
    except (TypeError, KeyError, ValueError, OverflowError, AttributeError) as error:
        raise DataError(f"segmentation cannot be drawn ({error}); export it again") from error
    raise DataError(f"segmentation is a {type(segmentation).__name__}; expected polygons or run lengths")


def _polygons(polygons: list[Any], size: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    inside = np.zeros(size, np.bool_)
    for polygon in polygons:
        points = np.asarray(polygon, dtype=np.float64).reshape(-1, 2)
        if not np.isfinite(points).all():
            raise ValueError("a corner is not a finite number")
        if len(points) >= 3:
            inside |= _polygon(points, size)
    return inside


def _polygon(points: Float[np.ndarray, "n 2"], size: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    """Returns True where an odd number of sides lies left of the centre of the pixel."""
    height, width = size
    (x0, y0), (x1, y1) = points.T, np.roll(points, -1, axis=0).T
    first = np.ceil(np.minimum(y0, y1) - 0.5).clip(0, height).astype(np.int64)  # the rows whose centres a side crosses
    end = np.ceil(np.maximum(y0, y1) - 0.5).clip(0, height).astype(np.int64)
    rows_crossed = end - first
    if rows_crossed.sum() > _MAX_CROSSINGS:
        raise ValueError(f"a polygon of {len(points)} corners crosses too many rows")
    side = np.repeat(np.arange(len(points)), rows_crossed)
    row = np.arange(len(side)) - np.repeat(rows_crossed.cumsum() - rows_crossed, rows_crossed) + first[side]
    x = x0[side] + (row + 0.5 - y0[side]) * (x1 - x0)[side] / (y1 - y0)[side]
    column = np.ceil(x - 0.5).clip(0, width).astype(np.int64)
    crossings = np.bincount(row * (width + 1) + column, minlength=height * (width + 1)).reshape(height, width + 1)
    return np.asarray(crossings.cumsum(axis=1)[:, :width] % 2 == 1)


def _run_lengths(runs: dict[str, Any], size: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    """Draws alternating runs of outside and inside, down the columns, beginning outside."""
    height, width = size
    if tuple(runs["size"]) != size:
        raise ValueError(f"run lengths are for size {runs['size']}, the image has {list(size)} (rows, columns)")
    counts = uncompress_runs(runs["counts"]) if isinstance(runs["counts"], str) else runs["counts"]
    lengths = np.asarray(counts, dtype=np.int64)
    if lengths.ndim != 1 or (lengths < 0).any() or lengths.sum() != height * width:
        raise ValueError(f"run lengths add up to {lengths.sum()}, the image has {height * width} pixels")
    inside = np.arange(len(lengths)) % 2 == 1
    return np.repeat(inside, lengths).reshape(width, height).T


def uncompress_runs(text: str) -> list[int]:
    """Returns the run lengths in COCO's compressed text.

    Each number is split into groups of 5 bits from low to high; a character is a group plus 48, its bit 5 is set if
    more groups follow, and bit 4 of the last group is the sign. From the fourth number on, the difference to the last
    number but one is stored.

    Raises:
        ValueError: the text is damaged.
    """
    counts: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or shift > 60:
            raise ValueError(f"compressed run lengths hold {character!r}")
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value = shift = 0
    if shift:
        raise ValueError("compressed run lengths end in the middle of a number")
    return counts
