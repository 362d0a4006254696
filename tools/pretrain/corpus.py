"""Scenes of the split `pretrain`, drawn once and stored as bytes, because drawing takes longer than reading.

Axes: b scenes, h rows, w columns.
"""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Integer, UInt8
from numpy.lib.format import open_memmap
from torch import Tensor

from seglet import files
from seglet.data.world.dataset import WORLD_VERSION, World
from seglet.data.world.plan import ScenePlan

CHUNK = 1000
Progress = Callable[[int], None]


class Corpus:
    """The first `count` scenes of the split `pretrain`, of `size` pixels a side.

    Files are made when first needed, a thousand scenes each; each is whole or not there.
    """

    def __init__(self, folder: Path, count: int, size: int) -> None:
        self.folder = folder / f"scenes-v{WORLD_VERSION}-{size}"
        self.count = count
        self.world = World("pretrain", scenes=count, size=size)

    def draw(self, note: Progress = lambda done: None) -> None:
        """Draws the missing files; `note` is called with the number of scenes there are."""
        self.folder.mkdir(parents=True, exist_ok=True)
        files.delete_partial(self.folder)
        for begin in range(0, self.count, CHUNK):
            if not self._file(begin).is_file():
                self._draw(begin)
            note(min(begin + CHUNK, self.count))

    def images(self, places: Integer[Tensor, " b"]) -> Float[Tensor, "b 3 h w"]:
        """Returns images as floats in [0, 1]."""
        rows = [self._chunks[place // CHUNK][place % CHUNK] for place in places.tolist()]
        return torch.from_numpy(np.stack(rows)).permute(0, 3, 1, 2).float() / 255

    def depth(self, places: Integer[Tensor, " b"]) -> Float[Tensor, "b h w"]:
        """Returns the depth of each pixel, 0 nearest to 1; it is drawn each time."""
        return torch.from_numpy(np.stack([self.world.scene(place).depth for place in places.tolist()]))

    @cached_property
    def plans(self) -> list[ScenePlan]:
        """Plans of all scenes."""
        return [self.world.scene(place).plan for place in range(self.count)]

    @cached_property
    def captions(self) -> list[str]:
        return [self.world.scene(place).caption for place in range(self.count)]

    @cached_property
    def single(self) -> Integer[Tensor, " b"]:
        """Indices of the scenes that have one object."""
        return torch.tensor([place for place, plan in enumerate(self.plans) if len(plan.objects) == 1])

    @cached_property
    def _chunks(self) -> list[UInt8[np.ndarray, "b h w 3"]]:
        return [np.load(self._file(begin), mmap_mode="r") for begin in range(0, self.count, CHUNK)]

    def _draw(self, begin: int) -> None:
        side, end = self.world.size, min(begin + CHUNK, self.count)
        with files.replace_atomically(self._file(begin)) as temporary:
            drawn = open_memmap(temporary, "w+", np.uint8, (end - begin, side, side, 3))
            for place in range(begin, end):
                drawn[place - begin] = self.world.scene(place).image
            drawn.flush()

    def _file(self, begin: int) -> Path:
        """Returns a chunk's file; a last, shorter one is named by its length, so that a larger corpus does not reuse
        it.
        """
        length = min(CHUNK, self.count - begin)
        return self.folder / f"{begin:07d}{'' if length == CHUNK else f'-{length}'}.npy"
