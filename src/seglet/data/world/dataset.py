"""The embedded world: scenes drawn from a seed, of which everything is known. The data set one always has."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import overload

import numpy as np
from jaxtyping import Float32, UInt8

from seglet.data.dataset import Dataset, Sample
from seglet.data.errors import DataError
from seglet.data.splits.fractions import read_split
from seglet.data.world.captions import caption
from seglet.data.world.plan import SHAPES, Difficulty, Plan, plan
from seglet.data.world.render import darken, depth, paint
from seglet.types import Classes
from seglet.values import choose_from

VERSION = 1
"""Raised whenever a pixel of some scene changes, so that no two different worlds share a fingerprint."""

SPLITS: Mapping[str, int] = {"train": 0, "val": 1, "test": 2, "pretrain": 3}
"""Splits are disjoint ranges of seeds. `pretrain` is what foundation models may see, and nothing else may."""

SMALLEST, MOST = 16, 2**40

CLASSES = Classes(
    ("background", *SHAPES),
    (
        (0, 0, 0),
        (230, 57, 70),
        (76, 217, 76),
        (58, 80, 232),
        (247, 219, 71),
        (240, 66, 228),
        (66, 224, 232),
        (255, 148, 20),
        (155, 95, 205),
        (120, 195, 95),
        (200, 200, 200),
    ),
)
"""Background is class 0, and a class like others: it has pixels to be found, so it counts in a mean IoU.

It is never a tag: every scene has some, so naming it would say nothing.
"""


@dataclass(frozen=True)
class Scene:
    """One scene at one size. What is not asked for is not computed."""

    plan: Plan
    size: int

    @property
    def image(self) -> UInt8[np.ndarray, "h w 3"]:
        return self._painted[0]

    @property
    def labels(self) -> UInt8[np.ndarray, "h w"]:
        return self._painted[1]

    @cached_property
    def tags(self) -> tuple[int, ...]:
        """Ids of the shapes that have a pixel, sorted; background is no tag."""
        present = np.bincount(self.labels.ravel(), minlength=len(CLASSES)) > 0
        return tuple(int(k) for k in np.flatnonzero(present) if k > 0)

    @cached_property
    def caption(self) -> str:
        """A sentence that names every object and the background."""
        return caption(self.plan)

    @cached_property
    def depth(self) -> Float32[np.ndarray, "h w"]:
        """Distance from the viewer, 0 nearest to 1 farthest; what hides another thing is nearer than it."""
        return depth(self.plan, self.size)

    @cached_property
    def dark(self) -> UInt8[np.ndarray, "h w 3"]:
        """The same scene at night, noise and all."""
        return darken(self.image, self.plan.seed)

    @cached_property
    def _painted(self) -> tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w"]]:
        return paint(self.plan, self.size)


COLUMNS: Mapping[str, Callable[[Scene], np.ndarray]] = {
    "depth": lambda scene: scene.depth,
    "dark": lambda scene: scene.dark,
}


def scene(seed: int, size: int = 64, difficulty: Difficulty | None = None) -> Scene:
    """The scene of a seed (0 to 2^128 - 1), square with `size` pixels a side; another size shows the same things."""
    return Scene(plan(seed, difficulty or Difficulty()), size)


class World(Dataset):
    """`scenes` scenes of a split. Worlds of different `seed` share no scene, and neither do splits.

    The scenes of train are also divided: `92/labelled` are the first 92 of them, `1_8/labelled` the first eighth, and
    `…/unlabelled` the others, without their masks and tags.

    `columns` asks for "depth" and "dark" to be part of every sample; they follow from the rest and are not part of
    the fingerprint. With `dark` the images themselves are those of the night, of the same scenes.
    """

    def __init__(
        self,
        split: str = "train",
        scenes: int = 2000,
        size: int = 64,
        seed: int = 0,
        difficulty: Difficulty | None = None,
        columns: tuple[str, ...] = (),
        dark: int | bool = False,
    ) -> None:
        part = read_split(split)
        if part is None and split not in SPLITS:
            there = choose_from(split, SPLITS)
            raise DataError(f"the embedded world has no split {split!r}; {there}, or parts of train: 1_8/labelled")
        for name in columns:
            if name not in COLUMNS:
                raise DataError(f"the embedded world has no column {name!r}; {choose_from(name, COLUMNS)}")
        if dark not in (0, 1):
            raise DataError(f"dark={dark} says nothing; 1 is the world at night, 0 by day")
        if not 1 <= scenes <= MOST or size < SMALLEST or not 0 <= seed < 2**64:
            raise DataError(
                f"expected 1 to 2^40 scenes, a size of at least {SMALLEST} pixels and a seed from 0 to 2^64 - 1, "
                f"got scenes {scenes}, size {size}, seed {seed}"
            )
        self.split = split
        self.size = size
        self.difficulty = difficulty or Difficulty()
        self.columns = columns
        self.dark = bool(dark)
        self.classes = CLASSES
        self.annotated = part is None or part[1]
        places = range(scenes)
        if part is not None:
            kept = part[0].of(scenes)
            places = places[:kept] if self.annotated else places[kept:]
        whole = split if part is None else "train"
        self.ids = _Ids(whole, places)
        lit = _fingerprint(split, scenes, size, seed, self.difficulty)
        self.fingerprint = hashlib.sha256(f"{lit} dark".encode()).hexdigest() if self.dark else lit
        self._first = (seed << 48) + (SPLITS[whole] << 40) + places.start

    def scene(self, index: int) -> Scene:
        """Everything there is to know about the scene at `index`."""
        if not 0 <= index < len(self):
            raise IndexError(f"scene {index} of {len(self)}")
        return scene(self._first + index, self.size, self.difficulty)

    def identity(self, index: int, reads: Sequence[str] = ("image",)) -> str:
        """Of the scene, whose image, mask and tags all follow from its seed; the same in every world it is in."""
        told = {"version": VERSION, "scene": self._first + index, "size": self.size, **asdict(self.difficulty)}
        return json.dumps({"world": told | ({"dark": True} if self.dark else {})}, sort_keys=True)

    def read(self, index: int) -> Sample:
        shown = self.scene(index)
        columns = {name: COLUMNS[name](shown) for name in self.columns}
        sample = Sample(self.ids[index], shown.dark if self.dark else shown.image, shown.labels, shown.tags, columns)
        return sample if self.annotated else replace(sample, labels=None, tags=None)


class _Ids(Sequence[str]):
    """Names of scenes, made when asked for: a world may have more scenes than memory has room for names."""

    def __init__(self, split: str, places: range) -> None:
        self.split = split
        self._range = places

    def __len__(self) -> int:
        return len(self._range)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        places = self._range[index]
        return self._name(places) if isinstance(places, int) else [self._name(place) for place in places]

    def _name(self, place: int) -> str:
        return f"{self.split}-{place:06d}"


def _fingerprint(split: str, scenes: int, size: int, seed: int, difficulty: Difficulty) -> str:
    told = {"version": VERSION, "split": split, "scenes": scenes, "size": size, "seed": seed, **asdict(difficulty)}
    return hashlib.sha256(json.dumps({"world": told}, sort_keys=True).encode()).hexdigest()
