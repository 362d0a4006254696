"""Draws the pixels of planned scenes."""

import numpy as np
from jaxtyping import Float32, UInt8

from seglet.data.portable_rng import PortableRng
from seglet.data.world.appearance import OBJECT_HUES, OBJECT_TEXTURES, FloatColour
from seglet.data.world.backgrounds import BACKGROUND_KINDS, ColourCanvas, background_pattern, pixel_centres
from seglet.data.world.plan import (
    DARKNESS_STREAM,
    PIXEL_STREAM,
    SHAPE_NAMES,
    ClutterBlob,
    ObjectFootprint,
    SceneObject,
    ScenePlan,
    object_footprint,
)

_NOISE = 0.05
"""Range of the camera noise."""

_BULGE = 0.04
"""Depth by which the middle of an object is nearer than its outline; less than the gap between objects."""


def paint_scene(plan: ScenePlan, size: int) -> tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w"]]:
    """Returns the image and its labels: 0 for background, else 1 + the index of the shape."""
    rng = PortableRng(plan.seed, PIXEL_STREAM)
    canvas = _backdrop(plan.background, size, rng)
    labels = np.zeros((size, size), np.uint8)
    light = (rng.between(-0.2, 0.2), rng.between(-0.25, 0.05))
    for blob in plan.blobs:
        _draw_clutter(canvas, blob, size)
    for item in plan.objects:
        footprint = object_footprint(item, item.shape, size)
        _shade_ground(canvas, footprint, size)
        _draw_surface(canvas, footprint, _surface(item, footprint, light, rng))
        labels[footprint.rows, footprint.columns][footprint.outside < 0] = 1 + SHAPE_NAMES.index(item.shape)
    return _apply_camera(canvas, light, rng), labels


def scene_depth(plan: ScenePlan, size: int) -> Float32[np.ndarray, "h w"]:
    """Returns the depth of each pixel, 0 nearest to 1 farthest; the ground slopes, and objects stand before it."""
    ground = BACKGROUND_KINDS[plan.background]
    slope = np.float32(ground.far) + pixel_centres(size) * np.float32(ground.near - ground.far)
    out = np.repeat(slope[:, None], size, axis=1)
    for item in plan.objects:
        footprint = object_footprint(item, item.shape, size)
        bulge = np.minimum(-footprint.outside / np.float32(item.radius * size), 1)
        out[footprint.rows, footprint.columns] = np.where(
            footprint.outside < 0,
            np.float32(item.depth) - np.float32(_BULGE) * bulge,
            out[footprint.rows, footprint.columns],
        )
    return np.maximum(out, 0)


def darken_scene(image: UInt8[np.ndarray, "h w 3"], seed: int) -> UInt8[np.ndarray, "h w 3"]:
    """Returns the image at night: little light, a blue cast, shot and read noise, and the gamma of the camera.

    Gamma is 2, so that only squares and roots are needed.
    """
    rng = PortableRng(seed, DARKNESS_STREAM)
    exposure = rng.between(0.02, 0.09)
    cast = np.array([0.8, 0.95, 1.2], np.float32) * np.float32(exposure)
    value = image.astype(np.float32) / np.float32(255)
    light = value * value * cast
    noise = _gaussian_noise(image.shape, rng) * (np.sqrt(light) * np.float32(0.025) + np.float32(0.003))
    return _to_bytes(np.sqrt(np.maximum(light + noise, 0)))


def _backdrop(name: str, size: int, rng: PortableRng) -> ColourCanvas:
    ground = BACKGROUND_KINDS[name]
    dark, light = (_vary(colour, 0.07, rng) for colour in (ground.dark, ground.light))
    return dark + (light - dark) * background_pattern(name, size, rng)


def _draw_clutter(canvas: ColourCanvas, blob: ClutterBlob, size: int) -> None:
    footprint = object_footprint(blob, "ball", size)
    _draw_surface(canvas, footprint, np.array(blob.colour, np.float32)[:, None, None] * (1 - 0.2 * footprint.v))


def _shade_ground(canvas: ColourCanvas, footprint: ObjectFootprint, size: int) -> None:
    """Draws a soft shadow slightly below and to the right of an object."""
    down, right = max(1, size // 24), size // 48
    rows = slice(footprint.rows.start + down, footprint.rows.stop + down)
    columns = slice(footprint.columns.start + right, footprint.columns.stop + right)
    part = canvas[:, rows, columns]
    shadow = np.minimum(np.maximum(0.5 - footprint.outside * np.float32(12 / size), 0), 1)
    part *= 1 - 0.35 * shadow[: part.shape[1], : part.shape[2]]


def _surface(
    item: SceneObject, footprint: ObjectFootprint, light: tuple[float, float], rng: PortableRng
) -> ColourCanvas:
    """Returns the colours of an object: two, mixed by its texture, lit from one side and darker towards the outline."""
    hue = _vary(OBJECT_HUES[item.appearance.hue], 0.06, rng)
    second = hue * np.float32(0.25) + np.float32(0.72) if rng.chance(0.6) else hue * np.float32(0.42)
    texture = OBJECT_TEXTURES[item.appearance.texture](footprint.u + np.float32(rng.unit()), footprint.v)
    shade = 1 + footprint.u * np.float32(light[0]) + footprint.v * np.float32(light[1])
    shade = shade * np.minimum(0.7 - footprint.outside * np.float32(0.15), 1)
    if item.shape == "ball":
        shade = shade * (1.15 - 0.35 * (footprint.u * footprint.u + footprint.v * footprint.v))
    return (hue + (second - hue) * texture) * shade


def _draw_surface(
    canvas: ColourCanvas, footprint: ObjectFootprint, surface: Float32[np.ndarray, "3 rows columns"]
) -> None:
    """Draws a surface inside a footprint, with an edge one pixel soft."""
    part = canvas[:, footprint.rows, footprint.columns]
    cover = np.minimum(np.maximum(0.5 - footprint.outside, 0), 1)
    part += cover * (surface - part)


def _apply_camera(canvas: ColourCanvas, light: tuple[float, float], rng: PortableRng) -> UInt8[np.ndarray, "h w 3"]:
    size = canvas.shape[1]
    tint = np.array([rng.between(0.95, 1.05) for _ in range(3)], np.float32)[:, None, None]
    gain = tint * np.float32(rng.between(0.8, 1.15))
    along = pixel_centres(size) - np.float32(0.5)
    fall = (1 + along * np.float32(light[0]))[None, :] + (along * np.float32(light[1]))[:, None]
    noise = rng.bytes(size * size).reshape(size, size).astype(np.float32) / np.float32(255) - np.float32(0.5)
    lit = canvas * (fall * gain) + noise * np.float32(_NOISE)
    return np.ascontiguousarray(_to_bytes(lit).transpose(1, 2, 0))


def _to_bytes(value: np.ndarray) -> np.ndarray:
    return (np.minimum(np.maximum(value, 0), 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8)


def _vary(colour: FloatColour, amount: float, rng: PortableRng) -> Float32[np.ndarray, "3 1 1"]:
    """Draws a colour near the given one, lighter or darker and slightly shifted."""
    common = rng.between(-amount, amount)
    values = [c + common + rng.between(-amount / 2, amount / 2) for c in colour]
    return np.maximum(np.array(values, np.float32), 0)[:, None, None]


def _gaussian_noise(shape: tuple[int, ...], rng: PortableRng) -> Float32[np.ndarray, "..."]:
    """Draws noise of mean 0 and standard deviation about 1, as sums of four bytes."""
    count = int(np.prod(shape))
    total = rng.bytes(4 * count).reshape(4, *shape).astype(np.int32).sum(axis=0)
    return (total - 510).astype(np.float32) / np.float32(147.8)
