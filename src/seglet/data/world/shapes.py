"""Ten shapes as fields: negative inside, positive outside, about the distance to the outline.

A shape lies within about 1.2 of the origin; u points right, v down.
"""

from collections.abc import Callable, Mapping

import numpy as np
from jaxtyping import Float32

PixelField = Float32[np.ndarray, "h w"]

SHAPE_REACH = 1.25
"""Largest distance of a point of any shape from its centre, in radii."""


def _ball(u: PixelField, v: PixelField) -> PixelField:
    return _disc(u, v, 0.0, 0.0, 0.95)


def _box(u: PixelField, v: PixelField) -> PixelField:
    return np.maximum(np.abs(u), np.abs(v)) - np.float32(0.8)


def _tent(u: PixelField, v: PixelField) -> PixelField:
    side = 0.866 * np.abs(u) - 0.5 * (v + 1.05)  # 60 degrees at the top (0, -1.05)
    return np.maximum(side, v - 0.6)


def _star(u: PixelField, v: PixelField) -> PixelField:
    x, y = _fold_five(u, -v)
    return 0.867 * x + 0.498 * (y - 1.05)  # the edge from the tip (0, 1.05) to the notch at 36 degrees, .47 out


def _ring(u: PixelField, v: PixelField) -> PixelField:
    return np.abs(np.sqrt(u * u + v * v) - np.float32(0.7)) - np.float32(0.26)


def _cross(u: PixelField, v: PixelField) -> PixelField:
    x, y = np.abs(u), np.abs(v)
    return np.maximum(np.minimum(x, y) - 0.3, np.maximum(x, y) - 0.95)


def _heart(u: PixelField, v: PixelField) -> PixelField:
    x = np.abs(u)
    edge = 0.763 * x + 0.646 * (v - 0.95)  # touches the lobe and ends in the tip (0, .95)
    top = 0.374 * x - 0.927 * (v + 0.32)  # from the middle to where the edge touches, inside the lobe
    return np.minimum(_disc(x, v, 0.42, -0.32, 0.5), np.maximum(edge, top))


def _moon(u: PixelField, v: PixelField) -> PixelField:
    return np.maximum(_disc(u, v, 0.0, 0.0, 0.95), -_disc(u, v, 0.48, -0.12, 0.78))


def _flower(u: PixelField, v: PixelField) -> PixelField:
    x, y = np.abs(u), np.abs(v)
    beyond = np.maximum(0.866 * x - 0.5 * y, 0)  # past the mirror line 30 degrees from upright
    x, y = x - 1.732 * beyond, y + beyond
    petal = (np.sqrt((x * 3.4) ** 2 + ((y - 0.6) * 2.3) ** 2) - 1) * np.float32(0.32)
    return np.minimum(petal, _disc(u, v, 0.0, 0.0, 0.3))


def _arrow(u: PixelField, v: PixelField) -> PixelField:
    y = np.abs(v)
    shaft = np.maximum(np.maximum(y - 0.25, -u - 1.0), u - 0.2)
    head = np.maximum(0.628 * (u - 1.05) + 0.778 * y, 0.05 - u)
    return np.minimum(shaft, head)


SHAPE_FIELDS: Mapping[str, Callable[[PixelField, PixelField], PixelField]] = {
    "ball": _ball, "box": _box, "tent": _tent, "star": _star, "ring": _ring, "cross": _cross, "heart": _heart,
    "moon": _moon, "flower": _flower, "arrow": _arrow,
}  # fmt: skip
"""Fields of the shapes by name, in the order of their class ids from 1 on."""


def _disc(u: PixelField, v: PixelField, x: float, y: float, radius: float) -> PixelField:
    return np.sqrt((u - x) ** 2 + (v - y) ** 2) - np.float32(radius)


def _fold_five(x: PixelField, y: PixelField) -> tuple[PixelField, PixelField]:
    """Mirrors the plane into the wedge 0 to 36 degrees off the vertical, where a five-fold figure is drawn."""
    x = np.abs(x)
    for sin, cos in ((0.951057, -0.309017), (0.587785, 0.809017)):  # mirror lines at 108 and 36 degrees
        beyond = 2 * np.maximum(cos * x - sin * y, 0)
        x, y = x - cos * beyond, y + sin * beyond
    return np.abs(x), y
