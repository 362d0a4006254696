"""Draws points and lines, the strokes of sparse annotation, into masks.

Axes: h rows, w columns; n points x, y, in pixels, where (0, 0) is the corner of the first pixel.
"""

from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float

from seglet.data.errors import DataError

_FAR = 1e9


def draw_points(points: Float[np.ndarray, "n 2"], radius: float, size: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    """Returns True in discs around points: pixels whose centre is within `radius`, and those that hold the points.

    Raises:
        DataError: a point is no finite number.
    """
    inside = np.zeros(size, np.bool_)
    _check_finite(points)
    for point in points.clip(-_FAR, _FAR):
        _draw_segment(inside, point, point, radius)
        _draw_pixel(inside, point)
    return inside


def draw_line(points: Float[np.ndarray, "n 2"], width: float, size: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    """Returns True on an open line through points: pixels whose centre is within half the width of it.

    Raises:
        DataError: a point is no finite number.
    """
    inside = np.zeros(size, np.bool_)
    _check_finite(points)
    clipped = points.clip(-_FAR, _FAR)
    for start, end in pairwise(clipped):
        _draw_segment(inside, start, end, width / 2)
    for point in clipped:
        _draw_pixel(inside, point)
    return inside


def shrink_corners(corners: Float[np.ndarray, "n 2"], share: float) -> Float[np.ndarray, "n 2"]:
    """Returns the corners moved to their mean until the shape has this share of its area."""
    centre = corners.mean(axis=0)
    return np.asarray(centre + (corners - centre) * share**0.5)


def _check_finite(points: Float[np.ndarray, "n 2"]) -> None:
    if not np.isfinite(points).all():
        raise DataError("a point is not a finite number")


def _draw_pixel(inside: Bool[np.ndarray, "h w"], point: Float[np.ndarray, "2"]) -> None:
    column, row = np.floor(point).astype(np.int64)
    if 0 <= row < inside.shape[0] and 0 <= column < inside.shape[1]:
        inside[row, column] = True


def _draw_segment(
    inside: Bool[np.ndarray, "h w"], start: Float[np.ndarray, "2"], end: Float[np.ndarray, "2"], reach: float
) -> None:
    """Sets the pixels whose centre is within `reach` of the straight line between two points."""
    limit = (inside.shape[1], inside.shape[0])
    low = np.floor(np.minimum(start, end) - reach).clip(0, limit).astype(np.int64)
    high = np.ceil(np.maximum(start, end) + reach).clip(0, limit).astype(np.int64)
    x = np.arange(low[0], high[0])[None, :] + 0.5 - start[0]
    y = np.arange(low[1], high[1])[:, None] + 0.5 - start[1]
    along_x, along_y = end - start
    length = along_x**2 + along_y**2
    place = ((x * along_x + y * along_y) / length).clip(0, 1) if length else np.zeros((1, 1))
    distance = (x - place * along_x) ** 2 + (y - place * along_y) ** 2
    inside[low[1] : high[1], low[0] : high[0]] |= distance <= reach**2
