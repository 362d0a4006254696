"""Six procedural backgrounds, each a blend of two colours by a pattern."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from seglet.data.portable_rng import Dice
from seglet.data.world.appearance import Colour
from seglet.data.world.shapes import Field

Canvas = Float32[np.ndarray, "3 h w"]


@dataclass(frozen=True)
class Ground:
    """What a background is like, whatever its pattern: its two colours, how it is spoken of, how far away it is."""

    dark: Colour
    light: Colour
    phrase: str
    near: float
    """Depth at the bottom of the image; at the top it is `far`."""
    far: float


GROUNDS: Mapping[str, Ground] = {
    "grass": Ground((0.16, 0.36, 0.10), (0.42, 0.66, 0.24), "on grass", 0.5, 1.0),
    "sky": Ground((0.36, 0.55, 0.85), (0.95, 0.96, 0.98), "in the sky", 1.0, 1.0),
    "sand": Ground((0.68, 0.55, 0.34), (0.90, 0.79, 0.55), "on sand", 0.5, 1.0),
    "brick": Ground((0.56, 0.25, 0.20), (0.78, 0.74, 0.69), "in front of a brick wall", 0.9, 0.9),
    "water": Ground((0.06, 0.26, 0.42), (0.28, 0.60, 0.70), "on water", 0.5, 1.0),
    "wall": Ground((0.52, 0.49, 0.58), (0.73, 0.70, 0.77), "in front of a striped wall", 0.9, 0.9),
}


def pattern(name: str, size: int, dice: Dice) -> Field:
    """How light the background is at each pixel, about [0, 1]."""
    return PATTERNS[name](size, dice)


def grass(size: int, dice: Dice) -> Field:
    blades = value_noise(size, 8, 36, dice)
    return 0.1 + 0.5 * blades + 0.25 * value_noise(size, 5, 5, dice) + 0.2 * _grain(size, dice)


def sky(size: int, dice: Dice) -> Field:
    clouds = 0.7 * value_noise(size, 4, 3, dice) + 0.3 * value_noise(size, 9, 7, dice)
    horizon = 0.25 * centres(size)[:, None]
    return np.minimum(np.maximum((clouds - 0.5) * 3.2, 0), 1) * (0.95 - horizon) + horizon


def sand(size: int, dice: Dice) -> Field:
    return 0.15 + 0.4 * value_noise(size, 5, 4, dice) + 0.55 * _grain(size, dice)


def brick(size: int, dice: Dice) -> Field:
    y = centres(size) * dice.between(6.5, 9) + dice.unit()
    row = np.floor(y)
    x = centres(size)[None, :] * dice.between(3.2, 4.2) + (0.5 * row[:, None] + np.float32(dice.unit()))
    column = np.floor(x)
    tint = (row[:, None] * 7 + column * 13) % 5 * np.float32(0.05)
    joint = np.maximum(_edge(y - row, 0.09)[:, None], _edge(x - column, 0.045))
    return tint + (1 - tint) * joint + 0.12 * _grain(size, dice)


def water(size: int, dice: Dice) -> Field:
    swell = value_noise(size, 5, 4, dice)
    x = centres(size)[:, None] * np.float32(dice.between(9, 13)) + swell * 1.7
    wave = 2 * np.abs(x - np.floor(x + 0.5))
    return 0.15 + 0.6 * wave * wave + 0.25 * value_noise(size, 14, 7, dice)


def wall(size: int, dice: Dice) -> Field:
    x = centres(size) * dice.between(7, 11) + dice.unit()
    stripe = np.minimum(np.maximum((np.abs(x - np.floor(x + 0.5)) - 0.25) * 10 + 0.5, 0), 1)
    return 0.75 * stripe[None, :] + 0.25 * _grain(size, dice)


PATTERNS: Mapping[str, Callable[[int, Dice], Field]] = {
    draw.__name__: draw for draw in (grass, sky, sand, brick, water, wall)
}


def centres(size: int) -> Float32[np.ndarray, " size"]:
    """Where pixel centres lie, as fractions of the side."""
    return ((np.arange(size) + 0.5) / size).astype(np.float32)


def value_noise(size: int, rows: int, columns: int, dice: Dice) -> Field:
    """Smooth noise in [0, 1] with about `rows` and `columns` bumps down and across."""
    grid = dice.bytes((rows + 1) * (columns + 1)).reshape(rows + 1, columns + 1).astype(np.float32) / np.float32(255)
    return _stretch(_stretch(grid, size).T, size).T


def _stretch(grid: Float32[np.ndarray, "rows columns"], size: int) -> Float32[np.ndarray, "size columns"]:
    """Interpolates the rows of a lattice smoothly to `size` rows."""
    place = centres(size) * np.float32(len(grid) - 1)
    first = place.astype(np.intp)
    part = place - first.astype(np.float32)
    part = (part * part * (3 - 2 * part))[:, None]
    low = grid[first]
    return low + (grid[first + 1] - low) * part


def _grain(size: int, dice: Dice) -> Field:
    return dice.bytes(size * size).reshape(size, size).astype(np.float32) / np.float32(255)


def _edge(x: Float32[np.ndarray, "*shape"], width: float) -> Float32[np.ndarray, "*shape"]:
    """1 within `width` of a whole number, softly 0 beyond, for x in [0, 1)."""
    return np.minimum(np.maximum((width - np.minimum(x, 1 - x)) * 24 + 0.5, 0), 1)
