"""Connected components of masks. Axes: h rows, w columns."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Int64


def connected_pieces(inside: Bool[np.ndarray, "h w"]) -> Iterator[Bool[np.ndarray, "h w"]]:
    """Yields each piece of pixels connected by their sides, from top to bottom; none for an empty mask."""
    found = number_pieces(inside)
    yield from (found == number for number in range(1, int(found.max(initial=0)) + 1))


def number_pieces(inside: Bool[np.ndarray, "h w"]) -> Int64[np.ndarray, "h w"]:
    """Returns the number of the piece of each pixel, from 1 on, and 0 outside.

    Horizontal runs of pixels are joined with those they touch in the row above, until no number changes.
    """
    height, width = inside.shape
    row, start, end = _runs(inside)
    first = np.searchsorted(row, np.arange(height + 1))
    upper, lower = _touching(row, start, end, first)
    piece = _joined(upper, lower, len(row))
    flat = np.zeros(height * width + 1, np.int64)  # +n where a run begins and -n behind its end add up to the pieces
    np.add.at(flat, row * width + start, piece + 1)
    np.subtract.at(flat, row * width + end, piece + 1)
    return np.asarray(flat.cumsum()[:-1].reshape(height, width))


def _runs(inside: Bool[np.ndarray, "h w"]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns row, start and end of each horizontal run, in order."""
    edges = np.diff(np.pad(inside.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    row, start = np.nonzero(edges == 1)
    _, end = np.nonzero(edges == -1)
    return row, start, end


def _touching(row: np.ndarray, start: np.ndarray, end: np.ndarray, first: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the pairs of runs in neighbouring rows that share a column."""
    width = int(end.max(initial=0)) + 1
    above = row - 1
    low = np.searchsorted(row * width + end, above * width + start, side="right")  # the first that ends behind my start
    high = np.searchsorted(row * width + start, above * width + end, side="left")  # the first that begins at my end
    low, high = np.maximum(low, first[above.clip(0)]), np.minimum(high, first[row])
    count = np.where(above >= 0, high - low, 0).clip(0)
    lower = np.repeat(np.arange(len(row)), count)
    upper = np.arange(len(lower)) - np.repeat(count.cumsum() - count, count) + low[lower]
    return upper, lower


def _joined(upper: np.ndarray, lower: np.ndarray, count: int) -> Int64[np.ndarray, " n"]:
    """Returns the piece of each run, numbered in the order of first runs."""
    least = np.arange(count)
    while True:
        smaller = np.minimum(least[upper], least[lower])
        before = least.copy()
        np.minimum.at(least, least[upper], smaller)
        np.minimum.at(least, least[lower], smaller)
        least = least[least]
        if (least == before).all():
            return np.asarray(np.unique(least, return_inverse=True)[1].astype(np.int64))
