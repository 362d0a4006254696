"""Plans of scenes: which objects are where, decided before any pixel is drawn and the same at every size."""

import math
from dataclasses import dataclass, replace

import numpy as np

from seglet.data.portable_rng import PortableRng
from seglet.data.world.appearance import (
    OBJECT_HUES,
    OBJECT_TEXTURES,
    TYPICAL_APPEARANCES,
    FloatColour,
    ObjectAppearance,
)
from seglet.data.world.backgrounds import BACKGROUND_KINDS, pixel_centres
from seglet.data.world.shapes import SHAPE_FIELDS, SHAPE_REACH, PixelField
from seglet.types import option

PLAN_STREAM, PIXEL_STREAM, CAPTION_STREAM, DARKNESS_STREAM = range(4)
"""Random streams of a scene."""

REFERENCE_SIZE = 64
"""Side in pixels at which visibility is measured."""

MIN_VISIBLE_PIXELS = 70
"""Least number of visible pixels of every object at the reference size."""

SHAPE_NAMES = tuple(SHAPE_FIELDS)
_DEPTH_GAP = 0.05
_TRIES = 20


@dataclass(frozen=True)
class Difficulty:
    """Settings that make scenes easier or harder; the defaults are those of the feasibility study."""

    co_occurrence: float = option(
        0.05, "probability that the background is the one typical of the shape; else any of the six"
    )
    surprise: float = option(
        0.1, "probability that an object has a random appearance instead of one of its two typical ones"
    )
    one: float = option(0.5, "share of scenes with one object")
    two: float = option(0.35, "share of scenes with two objects; the rest have three")
    smallest: float = option(0.2, "smallest object radius as a fraction of the side")
    largest: float = option(0.34, "largest object radius as a fraction of the side")
    clutter: int = option(4, "most blobs that belong to no class")

    def __post_init__(self) -> None:
        shares = (self.co_occurrence, self.surprise, self.one, self.two, self.one + self.two)
        if min(shares) < 0 or max(shares) > 1 + 1e-9:
            raise ValueError(f"expected probabilities in [0, 1] and one + two <= 1, got {self}")
        if not 0.15 <= self.smallest <= self.largest <= 0.5 or self.clutter < 0:
            raise ValueError(f"expected 0.15 <= smallest <= largest <= 0.5 and clutter >= 0, got {self}")


@dataclass(frozen=True)
class SceneObject:
    """An object: its position and radius as fractions of the side, `turn` as (cos, sin), `depth` 0 near to 1 far."""

    shape: str
    appearance: ObjectAppearance
    x: float
    y: float
    radius: float
    aspect: float
    turn: tuple[float, float]
    depth: float


@dataclass(frozen=True)
class ClutterBlob:
    """A piece of clutter: a small ellipse that belongs to no class."""

    x: float
    y: float
    radius: float
    aspect: float
    turn: tuple[float, float]
    colour: FloatColour


@dataclass(frozen=True)
class ScenePlan:
    """A scene before it is drawn. `objects` are ordered from back to front."""

    seed: int
    background: str
    objects: tuple[SceneObject, ...]
    blobs: tuple[ClutterBlob, ...]


@dataclass(frozen=True)
class ObjectFootprint:
    """The part of an image that an object can cover, with coordinates `u`, `v` in radii and `outside` in pixels."""

    rows: slice
    columns: slice
    u: PixelField
    v: PixelField
    outside: PixelField


def plan_scene(seed: int, difficulty: Difficulty) -> ScenePlan:
    """Returns the plan of the scene with this seed; its shapes are all different."""
    rng = PortableRng(seed, PLAN_STREAM)
    count = _count(rng, difficulty)
    shapes = _distinct(rng, count)
    background = _background(rng, shapes[0], difficulty)
    appearances = [_appearance(rng, shape, difficulty) for shape in shapes]
    objects = _place(rng, list(zip(shapes, appearances, strict=True)), background, difficulty)
    blobs = tuple(_blob(rng) for _ in range(rng.below(difficulty.clutter + 1)))
    return ScenePlan(seed, background, objects, blobs)


def object_footprint(item: SceneObject | ClutterBlob, field: str, size: int) -> ObjectFootprint:
    """Returns the footprint of an object, of shape `field`, in an image of `size` pixels a side."""
    reach = item.radius * max(item.aspect, 1.0) * SHAPE_REACH
    rows, columns = (
        slice(max(0, math.floor((at - reach) * size)), min(size, math.ceil((at + reach) * size)))
        for at in (item.y, item.x)
    )
    along = pixel_centres(size)
    dy, dx = along[rows] - np.float32(item.y), along[columns] - np.float32(item.x)
    cos, sin = item.turn
    across, down = 1 / item.radius, 1 / (item.radius * item.aspect)
    u = (dx * (cos * across))[None, :] + (dy * (sin * across))[:, None]
    v = (dx * (-sin * down))[None, :] + (dy * (cos * down))[:, None]
    outside = SHAPE_FIELDS[field](u, v) * np.float32(item.radius * min(item.aspect, 1.0) * size)
    return ObjectFootprint(rows, columns, u, v, outside)


def visible_pixels(objects: tuple[SceneObject, ...]) -> list[int]:
    """Returns the number of visible pixels of each object at the reference size; later objects hide earlier ones."""
    owner = np.zeros((REFERENCE_SIZE, REFERENCE_SIZE), np.uint8)
    for number, item in enumerate(objects, start=1):
        footprint = object_footprint(item, item.shape, REFERENCE_SIZE)
        owner[footprint.rows, footprint.columns][footprint.outside < 0] = number
    return np.bincount(owner.ravel(), minlength=len(objects) + 1)[1:].tolist()


def _place(
    rng: PortableRng, wanted: list[tuple[str, ObjectAppearance]], background: str, difficulty: Difficulty
) -> tuple[SceneObject, ...]:
    """Draws positions until every object is visible enough; drops objects where no draw succeeds."""
    for count in range(len(wanted), 0, -1):
        for _ in range(_TRIES):
            objects = _by_depth(
                [_object(rng, shape, appearance, background, difficulty) for shape, appearance in wanted[:count]]
            )
            if min(visible_pixels(objects)) >= MIN_VISIBLE_PIXELS:
                return objects
    shape, appearance = wanted[0]
    return (SceneObject(shape, appearance, 0.5, 0.5, difficulty.largest, 1.0, (1.0, 0.0), 0.3),)


def _object(
    rng: PortableRng, shape: str, appearance: ObjectAppearance, background: str, difficulty: Difficulty
) -> SceneObject:
    radius = rng.between(difficulty.smallest, difficulty.largest)
    x, y = rng.between(0.15, 0.85), rng.between(0.18, 0.82)
    ground = BACKGROUND_KINDS[background]
    foot = min(y + radius, 1.0)
    depth = ground.far + (ground.near - ground.far) * foot - _DEPTH_GAP - rng.between(0, 0.3)
    return SceneObject(shape, appearance, x, y, radius, rng.between(0.85, 1.15), _turn(rng, 0.11), depth)


def _by_depth(objects: list[SceneObject]) -> tuple[SceneObject, ...]:
    """Returns the objects from back to front, each at least a gap nearer than the one before."""
    ordered: list[SceneObject] = []
    limit = 1.0
    for item in sorted(objects, key=lambda t: -t.depth):
        limit = min(item.depth, limit - _DEPTH_GAP)
        ordered.append(replace(item, depth=limit))
    return tuple(ordered)


def _turn(rng: PortableRng, most: float) -> tuple[float, float]:
    """Draws a rotation of up to `most` of a circle either way, as (cos, sin) rounded so that all machines agree."""
    angle = 2 * math.pi * rng.between(-most, most)
    return round(math.cos(angle), 6), round(math.sin(angle), 6)


def _count(rng: PortableRng, difficulty: Difficulty) -> int:
    drawn = rng.unit()
    return 1 + (drawn >= difficulty.one) + (drawn >= difficulty.one + difficulty.two)


def _distinct(rng: PortableRng, count: int) -> list[str]:
    left = list(SHAPE_NAMES)
    return [left.pop(rng.below(len(left))) for _ in range(count)]


def _background(rng: PortableRng, shape: str, difficulty: Difficulty) -> str:
    names = tuple(BACKGROUND_KINDS)
    typical = names[SHAPE_NAMES.index(shape) % len(names)]
    return typical if rng.chance(difficulty.co_occurrence) else names[rng.below(len(names))]


def _appearance(rng: PortableRng, shape: str, difficulty: Difficulty) -> ObjectAppearance:
    if rng.chance(difficulty.surprise):
        return ObjectAppearance(
            tuple(OBJECT_HUES)[rng.below(len(OBJECT_HUES))], tuple(OBJECT_TEXTURES)[rng.below(len(OBJECT_TEXTURES))]
        )
    return TYPICAL_APPEARANCES[shape][rng.below(2)]


def _blob(rng: PortableRng) -> ClutterBlob:
    colour = (rng.between(0.1, 0.9), rng.between(0.1, 0.9), rng.between(0.1, 0.9))
    return ClutterBlob(rng.unit(), rng.unit(), rng.between(0.025, 0.07), rng.between(0.5, 1.6), _turn(rng, 0.5), colour)
