"""What stands where: the plan of a scene, made before a pixel is drawn and the same at every size."""

import math
from dataclasses import dataclass, replace

import numpy as np

from seglet.data.portable_rng import PortableRng
from seglet.data.world.appearance import HUES, TEXTURES, TYPICAL_APPEARANCES, FloatColour, ObjectAppearance
from seglet.data.world.backgrounds import BACKGROUND_KINDS, pixel_centres
from seglet.data.world.shapes import REACH, SHAPE_FIELDS, Field
from seglet.types import option

PLAN, PIXELS, CAPTION, DARKNESS = range(4)
"""The streams of dice of a scene."""

REFERENCE_SIZE = 64
"""Visibility is judged at this many pixels a side."""

MIN_VISIBLE_PIXELS = 70
"""Every object shows at least so many pixels at the reference size."""

SHAPES = tuple(SHAPE_FIELDS)
_DEPTH_GAP = 0.05
_TRIES = 20


@dataclass(frozen=True)
class Difficulty:
    """What makes scenes easy or hard; the defaults are those of the feasibility study."""

    co_occurrence: float = option(
        0.05, "probability that the background is the one typical of the shape; else any of the six"
    )
    surprise: float = option(0.1, "probability that an object wears any look instead of one of its two typical ones")
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
    """An object: its place and radius as fractions of the side, `turn` as (cos, sin), `depth` 0 near to 1 far."""

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
    """A scene before it is drawn. `things` are ordered from back to front."""

    seed: int
    background: str
    objects: tuple[SceneObject, ...]
    blobs: tuple[ClutterBlob, ...]


@dataclass(frozen=True)
class ObjectFootprint:
    """The part of an image a thing may touch: its coordinates in radii and its field in pixels."""

    rows: slice
    columns: slice
    u: Field
    v: Field
    outside: Field


def plan_scene(seed: int, difficulty: Difficulty) -> ScenePlan:
    """The scene of a seed; its shapes are all different."""
    dice = PortableRng(seed, PLAN)
    count = _count(dice, difficulty)
    shapes = _distinct(dice, count)
    background = _background(dice, shapes[0], difficulty)
    looks = [_look(dice, shape, difficulty) for shape in shapes]
    things = _place(dice, list(zip(shapes, looks, strict=True)), background, difficulty)
    blobs = tuple(_blob(dice) for _ in range(dice.below(difficulty.clutter + 1)))
    return ScenePlan(seed, background, things, blobs)


def object_footprint(thing: SceneObject | ClutterBlob, field: str, size: int) -> ObjectFootprint:
    """Where a thing is in an image of `size` pixels a side."""
    reach = thing.radius * max(thing.aspect, 1.0) * REACH
    rows, columns = (
        slice(max(0, math.floor((at - reach) * size)), min(size, math.ceil((at + reach) * size)))
        for at in (thing.y, thing.x)
    )
    along = pixel_centres(size)
    dy, dx = along[rows] - np.float32(thing.y), along[columns] - np.float32(thing.x)
    cos, sin = thing.turn
    across, down = 1 / thing.radius, 1 / (thing.radius * thing.aspect)
    u = (dx * (cos * across))[None, :] + (dy * (sin * across))[:, None]
    v = (dx * (-sin * down))[None, :] + (dy * (cos * down))[:, None]
    outside = SHAPE_FIELDS[field](u, v) * np.float32(thing.radius * min(thing.aspect, 1.0) * size)
    return ObjectFootprint(rows, columns, u, v, outside)


def visible_pixels(things: tuple[SceneObject, ...]) -> list[int]:
    """How many pixels of each thing show at the reference size, given that later ones hide earlier ones."""
    owner = np.zeros((REFERENCE_SIZE, REFERENCE_SIZE), np.uint8)
    for number, thing in enumerate(things, start=1):
        cut = object_footprint(thing, thing.shape, REFERENCE_SIZE)
        owner[cut.rows, cut.columns][cut.outside < 0] = number
    return np.bincount(owner.ravel(), minlength=len(things) + 1)[1:].tolist()


def _place(
    dice: PortableRng, wanted: list[tuple[str, ObjectAppearance]], background: str, difficulty: Difficulty
) -> tuple[SceneObject, ...]:
    """Tries places until everything shows enough, and does with fewer things where there is none."""
    for count in range(len(wanted), 0, -1):
        for _ in range(_TRIES):
            things = _by_depth([_thing(dice, shape, look, background, difficulty) for shape, look in wanted[:count]])
            if min(visible_pixels(things)) >= MIN_VISIBLE_PIXELS:
                return things
    shape, look = wanted[0]
    return (SceneObject(shape, look, 0.5, 0.5, difficulty.largest, 1.0, (1.0, 0.0), 0.3),)


def _thing(
    dice: PortableRng, shape: str, look: ObjectAppearance, background: str, difficulty: Difficulty
) -> SceneObject:
    radius = dice.between(difficulty.smallest, difficulty.largest)
    x, y = dice.between(0.15, 0.85), dice.between(0.18, 0.82)
    ground = BACKGROUND_KINDS[background]
    foot = min(y + radius, 1.0)
    depth = ground.far + (ground.near - ground.far) * foot - _DEPTH_GAP - dice.between(0, 0.3)
    return SceneObject(shape, look, x, y, radius, dice.between(0.85, 1.15), _turn(dice, 0.11), depth)


def _by_depth(things: list[SceneObject]) -> tuple[SceneObject, ...]:
    """From back to front, each at least a gap nearer than the last."""
    ordered: list[SceneObject] = []
    limit = 1.0
    for thing in sorted(things, key=lambda t: -t.depth):
        limit = min(thing.depth, limit - _DEPTH_GAP)
        ordered.append(replace(thing, depth=limit))
    return tuple(ordered)


def _turn(dice: PortableRng, most: float) -> tuple[float, float]:
    """Cosine and sine of a turn of up to `most` of a circle either way, rounded so that all machines agree."""
    angle = 2 * math.pi * dice.between(-most, most)
    return round(math.cos(angle), 6), round(math.sin(angle), 6)


def _count(dice: PortableRng, difficulty: Difficulty) -> int:
    drawn = dice.unit()
    return 1 + (drawn >= difficulty.one) + (drawn >= difficulty.one + difficulty.two)


def _distinct(dice: PortableRng, count: int) -> list[str]:
    left = list(SHAPES)
    return [left.pop(dice.below(len(left))) for _ in range(count)]


def _background(dice: PortableRng, shape: str, difficulty: Difficulty) -> str:
    names = tuple(BACKGROUND_KINDS)
    typical = names[SHAPES.index(shape) % len(names)]
    return typical if dice.chance(difficulty.co_occurrence) else names[dice.below(len(names))]


def _look(dice: PortableRng, shape: str, difficulty: Difficulty) -> ObjectAppearance:
    if dice.chance(difficulty.surprise):
        return ObjectAppearance(tuple(HUES)[dice.below(len(HUES))], tuple(TEXTURES)[dice.below(len(TEXTURES))])
    return TYPICAL_APPEARANCES[shape][dice.below(2)]


def _blob(dice: PortableRng) -> ClutterBlob:
    colour = (dice.between(0.1, 0.9), dice.between(0.1, 0.9), dice.between(0.1, 0.9))
    return ClutterBlob(
        dice.unit(), dice.unit(), dice.between(0.025, 0.07), dice.between(0.5, 1.6), _turn(dice, 0.5), colour
    )
