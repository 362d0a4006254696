"""Tiles that cover a large image, and the blending of what is predicted for them where they overlap.

Axes: k classes, h rows, w columns.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from seglet.images.raster import Window

PredictTile = Callable[[Window], Float32[np.ndarray, "k h w"]]
"""Function from a tile to the class probabilities of its pixels."""


@dataclass(frozen=True)
class Part:
    """Blended probabilities of a part of the image that no later tile covers."""

    window: Window
    probabilities: Float32[np.ndarray, "k h w"]


def tile_spans(length: int, tile: int, overlap: int) -> list[tuple[int, int]]:
    """Returns start and end of the tiles of one axis: all of one size, evenly spaced, overlapping by `overlap` or more.

    An axis no longer than a tile has one, of its length.
    """
    if length <= tile:
        return [(0, length)]
    count = -(-(length - overlap) // (tile - overlap))
    starts = [round(place * (length - tile) / (count - 1)) for place in range(count)]
    return [(start, start + tile) for start in starts]


def blend_tiles(predict: PredictTile, size: tuple[int, int], tile: int, overlap: int) -> Iterator[Part]:
    """Yields the blended probabilities of an image of `size`, part by part, from top to bottom and left to right.

    The weight of a tile falls linearly to its sides over `overlap` pixels, and weights are divided by their sum, so
    that there are no seams. Sums are held where tiles overlap, and nowhere else: memory grows with the overlap times
    the width of the image. An overlap of 0 puts tiles side by side.
    """
    rows, columns = (tile_spans(length, tile, overlap) for length in size)
    above: np.ndarray | None = None  # [k + 1, rows that overlap, width of the image]; the weights come last
    for (top, bottom), next_top in zip(rows, [start for start, _ in rows[1:]] + [size[0]], strict=True):
        done_rows, below, beside = next_top - top, None, None
        for (left, right), next_left in zip(columns, [start for start, _ in columns[1:]] + [size[1]], strict=True):
            window = Window(top, left, bottom - top, right - left)
            sums = _weighted(predict(window), overlap)
            shared = 0 if beside is None else beside.shape[2]
            if beside is not None:
                sums[:, :, :shared] += beside
            if above is not None:
                sums[:, : above.shape[1], shared:] += above[:, :, left + shared : right]
            done = next_left - left
            if below is None:
                below = np.zeros((len(sums), bottom - next_top, size[1]), np.float32)
            below[:, :, left:next_left] = sums[:, done_rows:, :done]
            beside = sums[:, :, done:].copy()
            finished = sums[:, :done_rows, :done]
            yield Part(Window(top, left, done_rows, done), finished[:-1] / finished[-1])
        above = below


def _weighted(scores: Float32[np.ndarray, "k h w"], overlap: int) -> Float32[np.ndarray, "k_and_weight h w"]:
    weights = np.outer(*(_ramps(length, overlap) for length in scores.shape[1:]))[None]
    return np.concatenate([scores * weights, weights])


def _ramps(length: int, overlap: int) -> Float32[np.ndarray, " n"]:
    """Returns weights that rise from the first position and fall to the last, over `overlap` positions each."""
    place = np.arange(1, length + 1, dtype=np.float32)
    return np.minimum(np.minimum(place, place[::-1]) / np.float32(overlap + 1), np.float32(1))
