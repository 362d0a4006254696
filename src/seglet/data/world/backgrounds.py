"""Six procedural backgrounds, each a blend of two colours by a pattern."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from seglet.data.portable_rng import PortableRng
from seglet.data.world.appearance import FloatColour
from seglet.data.world.shapes import PixelField

ColourCanvas = Float32[np.ndarray, "3 h w"]


@dataclass(frozen=True)
class BackgroundKind:
    """Properties of a background besides its pattern: two colours, a phrase for captions, and its depth."""

    dark: FloatColour
    light: FloatColour
    phrase: str
    near: float
    """Depth at the bottom of the image; at the top it is `far`."""
    far: float


BACKGROUND_KINDS: Mapping[str, BackgroundKind] = {
    "grass": BackgroundKind((0.16, 0.36, 0.10), (0.42, 0.66, 0.24), "on grass", 0.5, 1.0),
    "sky": BackgroundKind((0.36, 0.55, 0.85), (0.95, 0.96, 0.98), "in the sky", 1.0, 1.0),
    "sand": BackgroundKind((0.68, 0.55, 0.34), (0.90, 0.79, 0.55), "on sand", 0.5, 1.0),
    "brick": BackgroundKind((0.56, 0.25, 0.20), (0.78, 0.74, 0.69), "in front of a brick wall", 0.9, 0.9),
    "water": BackgroundKind((0.06, 0.26, 0.42), (0.28, 0.60, 0.70), "on water", 0.5, 1.0),
    "wall": BackgroundKind((0.52, 0.49, 0.58), (0.73, 0.70, 0.77), "in front of a striped wall", 0.9, 0.9),
}


def background_pattern(name: str, size: int, rng: PortableRng) -> PixelField:
    """Returns the lightness of the named background at each pixel, about in [0, 1]."""
    return _PATTERNS[name](size, rng)


def _grass(size: int, rng: PortableRng) -> PixelField:
    blades = _value_noise(size, 8, 36, rng)
    return 0.1 + 0.5 * blades + 0.25 * _value_noise(size, 5, 5, rng) + 0.2 * _grain(size, rng)


def _sky(size: int, rng: PortableRng) -> PixelField:
    clouds = 0.7 * _value_noise(size, 4, 3, rng) + 0.3 * _value_noise(size, 9, 7, rng)
    horizon = 0.25 * pixel_centres(size)[:, None]
    return np.minimum(np.maximum((clouds - 0.5) * 3.2, 0), 1) * (0.95 - horizon) + horizon


def _sand(size: int, rng: PortableRng) -> PixelField:
    return 0.15 + 0.4 * _value_noise(size, 5, 4, rng) + 0.55 * _grain(size, rng)


def _brick(size: int, rng: PortableRng) -> PixelField:
    y = pixel_centres(size) * rng.between(6.5, 9) + rng.unit()
    row = np.floor(y)
    x = pixel_centres(size)[None, :] * rng.between(3.2, 4.2) + (0.5 * row[:, None] + np.float32(rng.unit()))
    column = np.floor(x)
    tint = (row[:, None] * 7 + column * 13) % 5 * np.float32(0.05)
    joint = np.maximum(_edge(y - row, 0.09)[:, None], _edge(x - column, 0.045))
    return tint + (1 - tint) * joint + 0.12 * _grain(size, rng)


def _water(size: int, rng: PortableRng) -> PixelField:
    swell = _value_noise(size, 5, 4, rng)
    x = pixel_centres(size)[:, None] * np.float32(rng.between(9, 13)) + swell * 1.7
    wave = 2 * np.abs(x - np.floor(x + 0.5))
    return 0.15 + 0.6 * wave * wave + 0.25 * _value_noise(size, 14, 7, rng)


def _wall(size: int, rng: PortableRng) -> PixelField:
    x = pixel_centres(size) * rng.between(7, 11) + rng.unit()
    stripe = np.minimum(np.maximum((np.abs(x - np.floor(x + 0.5)) - 0.25) * 10 + 0.5, 0), 1)
    return 0.75 * stripe[None, :] + 0.25 * _grain(size, rng)


_PATTERNS: Mapping[str, Callable[[int, PortableRng], PixelField]] = {
    "grass": _grass, "sky": _sky, "sand": _sand, "brick": _brick, "water": _water, "wall": _wall,
}  # fmt: skip


def pixel_centres(size: int) -> Float32[np.ndarray, " size"]:
    """Returns the positions of pixel centres, as fractions of the side."""
    return ((np.arange(size) + 0.5) / size).astype(np.float32)


def _value_noise(size: int, rows: int, columns: int, rng: PortableRng) -> PixelField:
    """Returns smooth noise in [0, 1] with about `rows` bumps down and `columns` across."""
    grid = rng.bytes((rows + 1) * (columns + 1)).reshape(rows + 1, columns + 1).astype(np.float32) / np.float32(255)
    return _stretch(_stretch(grid, size).T, size).T


def _stretch(grid: Float32[np.ndarray, "rows columns"], size: int) -> Float32[np.ndarray, "size columns"]:
    """Interpolates the rows of a lattice smoothly to `size` rows."""
    place = pixel_centres(size) * np.float32(len(grid) - 1)
    first = place.astype(np.intp)
    part = place - first.astype(np.float32)
    part = (part * part * (3 - 2 * part))[:, None]
    low = grid[first]
    return low + (grid[first + 1] - low) * part


def _grain(size: int, rng: PortableRng) -> PixelField:
    return rng.bytes(size * size).reshape(size, size).astype(np.float32) / np.float32(255)


def _edge(x: Float32[np.ndarray, "*shape"], width: float) -> Float32[np.ndarray, "*shape"]:
    """Returns 1 within `width` of a whole number and softly 0 beyond it, for x in [0, 1)."""
    return np.minimum(np.maximum((width - np.minimum(x, 1 - x)) * 24 + 0.5, 0), 1)
