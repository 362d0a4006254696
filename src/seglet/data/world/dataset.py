"""The embedded world: scenes drawn from a seed, of which everything is known. The data set one always has."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import overload

from seglet.data.dataset import Dataset, Sample
from seglet.data.errors import DataError
from seglet.data.splits.fractions import parse_split_name
from seglet.data.world.plan import Difficulty
from seglet.data.world.scene import SCENE_COLUMNS, WORLD_CLASSES, Scene, draw_scene
from seglet.values import choose_from

WORLD_VERSION = 1
"""Raised whenever a pixel of some scene changes, so that no two different worlds share a fingerprint."""

WORLD_SPLITS: Mapping[str, int] = {"train": 0, "val": 1, "test": 2, "pretrain": 3}
"""Splits are disjoint ranges of seeds. `pretrain` is what foundation models may see, and nothing else may."""

SMALLEST, MOST = 16, 2**40


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
        part = parse_split_name(split)
        if part is None and split not in WORLD_SPLITS:
            there = choose_from(split, WORLD_SPLITS)
            raise DataError(f"the embedded world has no split {split!r}; {there}, or parts of train: 1_8/labelled")
        for name in columns:
            if name not in SCENE_COLUMNS:
                raise DataError(f"the embedded world has no column {name!r}; {choose_from(name, SCENE_COLUMNS)}")
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
        self.classes = WORLD_CLASSES
        self.annotated = part is None or part[1]
        places = range(scenes)
        if part is not None:
            kept = part[0].of(scenes)
            places = places[:kept] if self.annotated else places[kept:]
        whole = split if part is None else "train"
        self.ids = _Ids(whole, places)
        lit = _fingerprint(split, scenes, size, seed, self.difficulty)
        self.fingerprint = hashlib.sha256(f"{lit} dark".encode()).hexdigest() if self.dark else lit
        self._first = (seed << 48) + (WORLD_SPLITS[whole] << 40) + places.start

    def scene(self, index: int) -> Scene:
        """Everything there is to know about the scene at `index`."""
        if not 0 <= index < len(self):
            raise IndexError(f"scene {index} of {len(self)}")
        return draw_scene(self._first + index, self.size, self.difficulty)

    def identity(self, index: int, reads: Sequence[str] = ("image",)) -> str:
        """Of the scene, whose image, mask and tags all follow from its seed; the same in every world it is in."""
        told = {"version": WORLD_VERSION, "scene": self._first + index, "size": self.size, **asdict(self.difficulty)}
        return json.dumps({"world": told | ({"dark": True} if self.dark else {})}, sort_keys=True)

    def read(self, index: int) -> Sample:
        shown = self.scene(index)
        columns = {name: SCENE_COLUMNS[name](shown) for name in self.columns}
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
    told = {
        "version": WORLD_VERSION,
        "split": split,
        "scenes": scenes,
        "size": size,
        "seed": seed,
        **asdict(difficulty),
    }
    return hashlib.sha256(json.dumps({"world": told}, sort_keys=True).encode()).hexdigest()
