"""From the plan of a scene to its pixels."""

import numpy as np
from jaxtyping import Float32, UInt8

from seglet.data.portable_rng import PortableRng
from seglet.data.world.appearance import HUES, TEXTURES, FloatColour
from seglet.data.world.backgrounds import BACKGROUND_KINDS, Canvas, background_pattern, pixel_centres
from seglet.data.world.plan import (
    DARKNESS,
    PIXELS,
    SHAPES,
    ClutterBlob,
    ObjectFootprint,
    SceneObject,
    ScenePlan,
    object_footprint,
)

_NOISE = 0.05
"""Width of the camera's noise."""

_BULGE = 0.04
"""How much nearer the middle of an object is than its outline; less than the gap between objects."""


def paint_scene(plan: ScenePlan, size: int) -> tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w"]]:
    """The image and its labels: 0 where there is no object, else 1 + the place of the shape's name."""
    dice = PortableRng(plan.seed, PIXELS)
    canvas = _backdrop(plan.background, size, dice)
    labels = np.zeros((size, size), np.uint8)
    light = (dice.between(-0.2, 0.2), dice.between(-0.25, 0.05))
    for blob in plan.blobs:
        _blot(canvas, blob, size)
    for thing in plan.objects:
        cut = object_footprint(thing, thing.shape, size)
        _shade_ground(canvas, cut, size)
        _lay(canvas, cut, _surface(thing, cut, light, dice))
        labels[cut.rows, cut.columns][cut.outside < 0] = 1 + SHAPES.index(thing.shape)
    return _expose(canvas, light, dice), labels


def scene_depth(plan: ScenePlan, size: int) -> Float32[np.ndarray, "h w"]:
    """How far each pixel is, 0 nearest to 1 farthest: the ground falls towards the viewer, objects stand before it."""
    ground = BACKGROUND_KINDS[plan.background]
    slope = np.float32(ground.far) + pixel_centres(size) * np.float32(ground.near - ground.far)
    out = np.repeat(slope[:, None], size, axis=1)
    for thing in plan.objects:
        cut = object_footprint(thing, thing.shape, size)
        bulge = np.minimum(-cut.outside / np.float32(thing.radius * size), 1)
        out[cut.rows, cut.columns] = np.where(
            cut.outside < 0, np.float32(thing.depth) - np.float32(_BULGE) * bulge, out[cut.rows, cut.columns]
        )
    return np.maximum(out, 0)


def darken_scene(image: UInt8[np.ndarray, "h w 3"], seed: int) -> UInt8[np.ndarray, "h w 3"]:
    """The same scene at night: little of its light, a blue cast, shot and read noise, and the camera's gamma.

    Gamma is taken as 2, so that only squares and roots are needed.
    """
    dice = PortableRng(seed, DARKNESS)
    exposure = dice.between(0.02, 0.09)
    cast = np.array([0.8, 0.95, 1.2], np.float32) * np.float32(exposure)
    value = image.astype(np.float32) / np.float32(255)
    light = value * value * cast
    noise = _bell(image.shape, dice) * (np.sqrt(light) * np.float32(0.025) + np.float32(0.003))
    return _to_bytes(np.sqrt(np.maximum(light + noise, 0)))


def _backdrop(name: str, size: int, dice: PortableRng) -> Canvas:
    ground = BACKGROUND_KINDS[name]
    dark, light = (_vary(colour, 0.07, dice) for colour in (ground.dark, ground.light))
    return dark + (light - dark) * background_pattern(name, size, dice)


def _blot(canvas: Canvas, blob: ClutterBlob, size: int) -> None:
    cut = object_footprint(blob, "ball", size)
    _lay(canvas, cut, np.array(blob.colour, np.float32)[:, None, None] * (1 - 0.2 * cut.v))


def _shade_ground(canvas: Canvas, cut: ObjectFootprint, size: int) -> None:
    """A soft shadow a little below and right of an object."""
    down, right = max(1, size // 24), size // 48
    rows = slice(cut.rows.start + down, cut.rows.stop + down)
    columns = slice(cut.columns.start + right, cut.columns.stop + right)
    part = canvas[:, rows, columns]
    shadow = np.minimum(np.maximum(0.5 - cut.outside * np.float32(12 / size), 0), 1)
    part *= 1 - 0.35 * shadow[: part.shape[1], : part.shape[2]]


def _surface(thing: SceneObject, cut: ObjectFootprint, light: tuple[float, float], dice: PortableRng) -> Canvas:
    """The colours of an object: two of them, by its texture, lit from one side and darker towards the outline."""
    hue = _vary(HUES[thing.appearance.hue], 0.06, dice)
    second = hue * np.float32(0.25) + np.float32(0.72) if dice.chance(0.6) else hue * np.float32(0.42)
    texture = TEXTURES[thing.appearance.texture](cut.u + np.float32(dice.unit()), cut.v)
    shade = 1 + cut.u * np.float32(light[0]) + cut.v * np.float32(light[1])
    shade = shade * np.minimum(0.7 - cut.outside * np.float32(0.15), 1)
    if thing.shape == "ball":
        shade = shade * (1.15 - 0.35 * (cut.u * cut.u + cut.v * cut.v))
    return (hue + (second - hue) * texture) * shade


def _lay(canvas: Canvas, cut: ObjectFootprint, surface: Float32[np.ndarray, "3 rows columns"]) -> None:
    """Covers the canvas where the stencil lets through, with an edge one pixel soft."""
    part = canvas[:, cut.rows, cut.columns]
    cover = np.minimum(np.maximum(0.5 - cut.outside, 0), 1)
    part += cover * (surface - part)


def _expose(canvas: Canvas, light: tuple[float, float], dice: PortableRng) -> UInt8[np.ndarray, "h w 3"]:
    size = canvas.shape[1]
    tint = np.array([dice.between(0.95, 1.05) for _ in range(3)], np.float32)[:, None, None]
    gain = tint * np.float32(dice.between(0.8, 1.15))
    along = pixel_centres(size) - np.float32(0.5)
    fall = (1 + along * np.float32(light[0]))[None, :] + (along * np.float32(light[1]))[:, None]
    noise = dice.bytes(size * size).reshape(size, size).astype(np.float32) / np.float32(255) - np.float32(0.5)
    lit = canvas * (fall * gain) + noise * np.float32(_NOISE)
    return np.ascontiguousarray(_to_bytes(lit).transpose(1, 2, 0))


def _to_bytes(value: np.ndarray) -> np.ndarray:
    return (np.minimum(np.maximum(value, 0), 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8)


def _vary(colour: FloatColour, amount: float, dice: PortableRng) -> Float32[np.ndarray, "3 1 1"]:
    """A colour near the given one, lighter or darker and a little shifted."""
    common = dice.between(-amount, amount)
    values = [c + common + dice.between(-amount / 2, amount / 2) for c in colour]
    return np.maximum(np.array(values, np.float32), 0)[:, None, None]


def _bell(shape: tuple[int, ...], dice: PortableRng) -> Float32[np.ndarray, "..."]:
    """Noise of mean 0 and deviation about 1: four bytes added up."""
    count = int(np.prod(shape))
    total = dice.bytes(4 * count).reshape(4, *shape).astype(np.int32).sum(axis=0)
    return (total - 510).astype(np.float32) / np.float32(147.8)
