"""The embedded world as a data set, always at hand: scenes drawn from a seed, with complete annotation."""

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
"""Version of the drawing, raised whenever a pixel of some scene changes, so that fingerprints change too."""

WORLD_SPLITS: Mapping[str, int] = {"train": 0, "val": 1, "test": 2, "pretrain": 3}
"""Splits are disjoint ranges of seeds. `pretrain` is reserved for training the bundled foundation models."""

_SMALLEST, _MOST = 16, 2**40


class World(Dataset):
    """The first `scenes` scenes of a split; worlds of different `seed` and different splits share no scene.

    Parts of the split train: `92/labelled` is its first 92 scenes, `1_8/labelled` its first eighth, and `…/unlabelled`
    are the others, without masks and tags.
    `columns` may ask for "depth" and "dark" as columns of every sample; they follow from the scene and are not part of
    the fingerprint. With `dark`, the images themselves are those at night, of the same scenes.
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
        _check_names(split if part is None else "train", columns)
        if dark not in (0, 1):
            raise DataError(f"expected dark=0 for day or dark=1 for night, got dark={dark}")
        if not 1 <= scenes <= _MOST or size < _SMALLEST or not 0 <= seed < 2**64:
            raise DataError(
                f"expected 1 to 2^40 scenes, a size of at least {_SMALLEST} pixels and a seed from 0 to 2^64 - 1, "
                f"got scenes {scenes}, size {size}, seed {seed}"
            )
        self.split = split
        self.size = size
        self.difficulty = difficulty or Difficulty()
        self.columns = columns
        self.dark = bool(dark)
        self.classes = WORLD_CLASSES
        self.annotated = part is None or part[1]
        positions = range(scenes)
        if part is not None:
            kept = part[0].of(scenes)
            positions = positions[:kept] if self.annotated else positions[kept:]
        whole = split if part is None else "train"
        self.ids = _Ids(whole, positions)
        by_day = _fingerprint(split, scenes, size, seed, self.difficulty)
        self.fingerprint = hashlib.sha256(f"{by_day} dark".encode()).hexdigest() if self.dark else by_day
        self._first = (seed << 48) + (WORLD_SPLITS[whole] << 40) + positions.start

    @property
    def origin(self) -> str:
        """Name of the split."""
        return repr(self.split)

    def scene(self, index: int) -> Scene:
        """Returns the scene at `index`, with depth, caption and dark image.

        Raises:
            IndexError: there are not so many scenes.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"scene {index} of {len(self)}")
        return draw_scene(self._first + index, self.size, self.difficulty)

    def identity(self, index: int, reads: Sequence[str] = ("image",)) -> str:
        """Returns the identity of the scene, whose image, mask and tags follow from its seed; equal in every world."""
        about = {"version": WORLD_VERSION, "scene": self._first + index, "size": self.size, **asdict(self.difficulty)}
        return json.dumps({"world": about | ({"dark": True} if self.dark else {})}, sort_keys=True)

    def read(self, index: int) -> Sample:
        """Draws the scene at `index`."""
        scene = self.scene(index)
        columns = {name: SCENE_COLUMNS[name](scene) for name in self.columns}
        sample = Sample(self.ids[index], scene.dark if self.dark else scene.image, scene.labels, scene.tags, columns)
        return sample if self.annotated else replace(sample, labels=None, tags=None)


class _Ids(Sequence[str]):
    """Names of scenes, computed when they are asked for: a world may have more scenes than fit in memory."""

    def __init__(self, split: str, positions: range) -> None:
        self.split = split
        self._positions = positions

    def __len__(self) -> int:
        return len(self._positions)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        found = self._positions[index]
        return self._name(found) if isinstance(found, int) else [self._name(position) for position in found]

    def _name(self, position: int) -> str:
        return f"{self.split}-{position:06d}"


def _check_names(split: str, columns: tuple[str, ...]) -> None:
    if split not in WORLD_SPLITS:
        there = choose_from(split, WORLD_SPLITS)
        raise DataError(f"the embedded world has no split {split!r}; {there}, or parts of train: 1_8/labelled")
    for name in columns:
        if name not in SCENE_COLUMNS:
            raise DataError(f"the embedded world has no column {name!r}; {choose_from(name, SCENE_COLUMNS)}")


def _fingerprint(split: str, scenes: int, size: int, seed: int, difficulty: Difficulty) -> str:
    about = {"split": split, "scenes": scenes, "size": size, "seed": seed, **asdict(difficulty)}
    return hashlib.sha256(
        json.dumps({"world": {"version": WORLD_VERSION, **about}}, sort_keys=True).encode()
    ).hexdigest()
