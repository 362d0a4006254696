"""Histogram equalisation, of the whole image or of tiles with limited contrast."""

import numpy as np
from jaxtyping import Float, Int, UInt8

_LEVELS = 256


def equalise_histogram(image: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w 3"]:
    """Returns the image with about equally frequent brightness values; constant brightness is unchanged."""
    value = image.max(axis=2)
    counts = np.bincount(value.ravel(), minlength=_LEVELS)
    below = counts.cumsum()
    darkest = counts[value.min()] if value.size else 0
    if below[-1] == darkest:
        return image
    levels = np.rint((below - darkest).clip(0) * (_LEVELS - 1) / (below[-1] - darkest)).astype(np.uint8)
    return with_value(image, levels[value])


def clahe(image: UInt8[np.ndarray, "h w 3"], limit: float = 2.0, tiles: int = 8) -> UInt8[np.ndarray, "h w 3"]:
    """Applies contrast-limited adaptive histogram equalisation.

    Args:
        limit: largest frequency of a brightness value in a tile, as a multiple of the uniform frequency; the excess is
            distributed over all values. Lower is gentler, 1 gains almost no contrast.
        tiles: number of tiles in either direction; between their centres the mappings of four are interpolated.

    Raises:
        ValueError: `limit` is below 1 or `tiles` is.

    Source: Zuiderveld, Graphics Gems IV, 1994.
    """
    if limit < 1 or tiles < 1:
        raise ValueError(f"expected a limit and tiles of 1 or more, got {limit} and {tiles}")
    value = image.max(axis=2)
    height, width = value.shape
    if not value.size:
        return image
    rows, columns = (max(1, -(-side // tiles)) for side in (height, width))
    maps = _mappings(value, (rows, columns), limit)
    above, below, y = _neighbours(height, rows, maps.shape[0])
    left, right, x = _neighbours(width, columns, maps.shape[1])
    mixed = np.zeros(value.shape)
    for tile_rows, of_rows in ((above, 1 - y), (below, y)):
        for tile_columns, of_columns in ((left, 1 - x), (right, x)):
            mixed += np.outer(of_rows, of_columns) * maps[tile_rows[:, None], tile_columns[None], value]
    return with_value(image, np.rint(mixed).astype(np.uint8))


def _mappings(
    value: UInt8[np.ndarray, "h w"], size: tuple[int, int], limit: float
) -> Float[np.ndarray, "down across 256"]:
    """For each tile of `size`, what becomes of each brightness; tiles at the end repeat the last row and column."""
    rows, columns = size
    down, across = -(-value.shape[0] // rows), -(-value.shape[1] // columns)
    missing = ((0, down * rows - value.shape[0]), (0, across * columns - value.shape[1]))
    padded = np.pad(value, missing, mode="edge").reshape(down, rows, across, columns)
    tile = np.arange(down * across).reshape(down, 1, across, 1)
    counts = np.bincount((tile * _LEVELS + padded).ravel(), minlength=down * across * _LEVELS).astype(np.float64)
    counts = counts.reshape(down, across, _LEVELS)
    most = max(1.0, limit * rows * columns / _LEVELS)
    cut = np.minimum(counts, most)
    cut += (counts - cut).sum(axis=2, keepdims=True) / _LEVELS
    return np.asarray(cut.cumsum(axis=2) * (_LEVELS - 1) / (rows * columns))


def _neighbours(
    side: int, size: int, tiles: int
) -> tuple[Int[np.ndarray, " n"], Int[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Returns for each row (or column) the tiles with centres before and after it, and the weight of the latter."""
    place = (np.arange(side) + 0.5) / size - 0.5
    before = np.floor(place).astype(np.int64)
    return before.clip(0, tiles - 1), (before + 1).clip(0, tiles - 1), place - before


def with_value(image: UInt8[np.ndarray, "h w 3"], value: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w 3"]:
    """Returns the image with `value` as V of HSV, the largest of red, green and blue; their proportions are kept.

    Black becomes grey.
    """
    before = image.max(axis=2).astype(np.float32)
    factor = value.astype(np.float32) / np.maximum(before, 1)
    bright = image.astype(np.float32) * factor[..., None] + np.float32(0.5)
    return np.where((before == 0)[..., None], value[..., None], bright.astype(np.uint8))
