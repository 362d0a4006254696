"""Draws polygons and run lengths, as COCO writes them, into masks.

Axes: h rows, w columns.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from seglet.data.errors import DataError

_MAX_CROSSINGS = 10**7


def without_outline(row: Mapping[str, Any]) -> str:
    """Returns the kind of a COCO object that covers no known pixel, empty if the object has an outline."""
    shape = row.get("segmentation")
    if isinstance(shape, list):
        polygons = polygon_list(shape)
        if any(not isinstance(polygon, list) or len(polygon) > 4 for polygon in polygons):
            return ""
        if any(polygons):
            return "line or point"
    elif shape:
        return ""
    if row.get("keypoints"):
        return "keypoints"
    return "box without outline" if row.get("bbox") else "object without outline"


def polygon_list(shape: list[Any]) -> list[Any]:
    """Returns the polygons of a segmentation, each x, y, x, y, …; one polygon may also stand without a list around it.

    A polygon as a list of points x, y is understood as well.
    """
    if shape and all(isinstance(part, (int, float)) for part in shape):
        return [shape]
    if len(shape) > 2 and all(_is_point(part) for part in shape):
        return [[side for point in shape for side in point]]
    return [[side for point in part for side in point] if _is_points(part) else part for part in shape]


def _is_points(part: object) -> bool:
    return isinstance(part, list) and bool(part) and all(_is_point(point) for point in part)


def _is_point(part: object) -> bool:
    return isinstance(part, list) and len(part) == 2 and all(isinstance(side, (int, float)) for side in part)


def rasterise_segmentation(segmentation: object, size: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    """Returns True inside a segmentation: a list of polygons, or run lengths, plain or as COCO's compressed text.

    Raises:
        DataError: it is neither, or does not fit an image of `size` (h, w).
    """
    if isinstance(segmentation, list):
        return _polygons(polygon_list(segmentation), size)
    if isinstance(segmentation, dict):
        return _run_lengths(segmentation, size)
    kind = "missing" if segmentation is None else f"a {type(segmentation).__name__}"
    raise DataError(f"segmentation is {kind}; expected polygons or run lengths")


def rasterise_corners(corners: Float[np.ndarray, "n 2"], size: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    """Returns True inside a polygon of at least three corners x, y, which may lie outside the image.

    Raises:
        DataError: a corner is no finite number, or the polygon is too large.
    """
    if not np.isfinite(corners).all():
        raise DataError("a corner is not a finite number")
    return _polygon(corners, size)


def _polygons(polygons: list[Any], size: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    inside = np.zeros(size, np.bool_)
    for polygon in polygons:
        try:
            points = np.asarray(polygon, dtype=np.float64)
        except (ValueError, TypeError, OverflowError) as error:
            raise DataError("a polygon holds something that is no number") from error
        if points.ndim != 1 or len(points) % 2:
            raise DataError("a polygon is no list of x, y, x, y, …")
        if len(points) >= 6:
            inside |= rasterise_corners(points.reshape(-1, 2), size)
    return inside


def _polygon(points: Float[np.ndarray, "n 2"], size: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    """Returns True where an odd number of sides lies left of the centre of the pixel."""
    height, width = size
    (x0, y0), (x1, y1) = points.T, np.roll(points, -1, axis=0).T
    first = np.ceil(np.minimum(y0, y1) - 0.5).clip(0, height).astype(np.int64)  # the rows whose centres a side crosses
    end = np.ceil(np.maximum(y0, y1) - 0.5).clip(0, height).astype(np.int64)
    rows_crossed = end - first
    if rows_crossed.sum() > _MAX_CROSSINGS:
        raise DataError(f"a polygon of {len(points)} corners crosses too many rows")
    side = np.repeat(np.arange(len(points)), rows_crossed)
    row = np.arange(len(side)) - np.repeat(rows_crossed.cumsum() - rows_crossed, rows_crossed) + first[side]
    x = x0[side] + (row + 0.5 - y0[side]) * (x1 - x0)[side] / (y1 - y0)[side]
    column = np.ceil(x - 0.5).clip(0, width).astype(np.int64)
    crossings = np.bincount(row * (width + 1) + column, minlength=height * (width + 1)).reshape(height, width + 1)
    return np.asarray(crossings.cumsum(axis=1)[:, :width] % 2 == 1)


def _run_lengths(runs: dict[str, Any], size: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    """Draws alternating runs of outside and inside, down the columns, beginning outside."""
    height, width = size
    counts, stated = runs.get("counts"), runs.get("size")
    if not isinstance(stated, list) or list(stated) != [height, width]:
        raise DataError(f"run lengths are for size {stated}, the image has {[height, width]} (rows, columns)")
    if isinstance(counts, str):
        counts = uncompress_runs(counts)
    try:
        lengths = np.asarray(counts, dtype=np.int64)
    except (ValueError, TypeError, OverflowError) as error:
        raise DataError("run lengths hold something that is no whole number") from error
    if lengths.ndim != 1 or (lengths < 0).any() or lengths.sum() != height * width:
        raise DataError(f"run lengths add up to {lengths.sum()}, the image has {height * width} pixels")
    inside = np.arange(len(lengths)) % 2 == 1
    return np.repeat(inside, lengths).reshape(width, height).T


def uncompress_runs(text: str) -> list[int]:
    """Returns the run lengths in COCO's compressed text.

    Each number is split into groups of 5 bits from low to high; a character is a group plus 48, its bit 5 is set if
    more groups follow, and bit 4 of the last group is the sign. From the fourth number on, the difference to the last
    number but one is stored.

    Raises:
        DataError: the text is damaged.
    """
    counts: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or shift > 60:
            raise DataError(f"compressed run lengths hold {character!r}")
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value = shift = 0
    if shift:
        raise DataError("compressed run lengths end in the middle of a number")
    return counts
