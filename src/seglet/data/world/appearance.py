"""What objects look like: a hue and a texture."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from seglet.data.world.shapes import Field

FloatColour = tuple[float, float, float]

HUES: Mapping[str, FloatColour] = {
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
"""The two usual looks of each shape. Every hue is worn by two shapes or more: colour is a hint, not the answer."""


def plain(u: Field, v: Field) -> Field:
    return np.zeros_like(u)


def striped(u: Field, v: Field) -> Field:
    return _step(_triangle(u * 1.6), 0.25)


def dotted(u: Field, v: Field) -> Field:
    x, y = u * 2.1, v * 2.1
    x, y = x - np.floor(x) - 0.5, y - np.floor(y) - 0.5
    return _step(0.3 - np.sqrt(x * x + y * y), 0)


def checked(u: Field, v: Field) -> Field:
    x, y = _step(_triangle(u * 1.1), 0.25), _step(_triangle(v * 1.1), 0.25)
    return x + y - 2 * x * y


def ringed(u: Field, v: Field) -> Field:
    return _step(_triangle(np.sqrt(u * u + v * v) * 2.2), 0.25)


TEXTURES: Mapping[str, Callable[[Field, Field], Field]] = {
    texture.__name__: texture for texture in (plain, striped, dotted, checked, ringed)
}
"""How much of the second colour each point of an object shows, by name, in [0, 1]."""


def _triangle(x: Field) -> Field:
    """A wave of period 1 between 0 and one half."""
    return np.abs(x - np.floor(x + 0.5))


def _step(x: Field, threshold: float) -> Field:
    """From 0 to 1 where x passes the threshold, a little soft."""
    return np.minimum(np.maximum((x - threshold) * 8 + 0.5, 0), 1)
