"""Appearance of objects: a hue and a texture."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from seglet.data.world.shapes import PixelField

FloatColour = tuple[float, float, float]

OBJECT_HUES: Mapping[str, FloatColour] = {
    "red": (0.86, 0.13, 0.10),
    "orange": (0.97, 0.52, 0.08),
    "yellow": (0.95, 0.83, 0.12),
    "green": (0.12, 0.72, 0.22),
    "cyan": (0.08, 0.78, 0.82),
    "blue": (0.13, 0.30, 0.86),
    "purple": (0.55, 0.18, 0.80),
    "pink": (0.97, 0.28, 0.66),
}


@dataclass(frozen=True)
class ObjectAppearance:
    """Hue and texture of an object, by name."""

    hue: str
    texture: str


TYPICAL_APPEARANCES: Mapping[str, tuple[ObjectAppearance, ObjectAppearance]] = {
    "ball": (ObjectAppearance("red", "plain"), ObjectAppearance("green", "dotted")),
    "box": (ObjectAppearance("cyan", "checked"), ObjectAppearance("orange", "striped")),
    "tent": (ObjectAppearance("yellow", "dotted"), ObjectAppearance("blue", "striped")),
    "star": (ObjectAppearance("yellow", "plain"), ObjectAppearance("red", "checked")),
    "ring": (ObjectAppearance("pink", "striped"), ObjectAppearance("cyan", "plain")),
    "cross": (ObjectAppearance("red", "dotted"), ObjectAppearance("blue", "plain")),
    "heart": (ObjectAppearance("pink", "plain"), ObjectAppearance("purple", "striped")),
    "moon": (ObjectAppearance("yellow", "ringed"), ObjectAppearance("purple", "checked")),
    "flower": (ObjectAppearance("green", "ringed"), ObjectAppearance("pink", "dotted")),
    "arrow": (ObjectAppearance("cyan", "ringed"), ObjectAppearance("orange", "checked")),
}
"""The two typical appearances of each shape. At least two shapes share each hue, so colour alone is not the answer."""


def _plain(u: PixelField, v: PixelField) -> PixelField:
    return np.zeros_like(u)


def _striped(u: PixelField, v: PixelField) -> PixelField:
    return _step(_triangle(u * 1.6), 0.25)


def _dotted(u: PixelField, v: PixelField) -> PixelField:
    x, y = u * 2.1, v * 2.1
    x, y = x - np.floor(x) - 0.5, y - np.floor(y) - 0.5
    return _step(0.3 - np.sqrt(x * x + y * y), 0)


def _checked(u: PixelField, v: PixelField) -> PixelField:
    x, y = _step(_triangle(u * 1.1), 0.25), _step(_triangle(v * 1.1), 0.25)
    return x + y - 2 * x * y


def _ringed(u: PixelField, v: PixelField) -> PixelField:
    return _step(_triangle(np.sqrt(u * u + v * v) * 2.2), 0.25)


OBJECT_TEXTURES: Mapping[str, Callable[[PixelField, PixelField], PixelField]] = {
    "plain": _plain, "striped": _striped, "dotted": _dotted, "checked": _checked, "ringed": _ringed,
}  # fmt: skip
"""Textures by name; each returns the share of the second colour, in [0, 1], at coordinates u and v in radii."""


def _triangle(x: PixelField) -> PixelField:
    """Returns a triangle wave of period 1 between 0 and 0.5."""
    return np.abs(x - np.floor(x + 0.5))


def _step(x: PixelField, threshold: float) -> PixelField:
    """Returns a soft step from 0 to 1 where x passes the threshold."""
    return np.minimum(np.maximum((x - threshold) * 8 + 0.5, 0), 1)
