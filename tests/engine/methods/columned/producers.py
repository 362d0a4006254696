"""Exact depth of the embedded world, statistics of an image, its caption, and a column made from a column."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch

from seglet.data.columns.kinds import ColumnKind, ColumnValue
from seglet.data.columns.producer import ColumnProducer, ComputeColumn
from seglet.data.dataset import Sample
from seglet.data.world.dataset import World


@dataclass(frozen=True)
class WorldDepth(ColumnProducer):
    """Depth by the scenes themselves; ids say which they are."""

    weights: str
    name: str = "depth"
    kind: ColumnKind = "image"
    maker: str = "world-depth/1"

    def identity(self) -> str:
        return self.weights

    def settings(self) -> Mapping[str, Any]:
        return {}

    def load(self, device: torch.device) -> ComputeColumn:
        return lambda samples: [self._depth(sample) for sample in samples]

    def _depth(self, sample: Sample) -> np.ndarray:
        split, _, place = sample.id.partition("-")
        world = World(split, scenes=int(place) + 1, size=sample.image.shape[0])
        return world.scene(int(place)).depth.astype(np.float16)


@dataclass(frozen=True)
class Histogram(ColumnProducer):
    """How the brightness of each quarter is distributed, as a grid of 2 x 2 tokens."""

    bins: int
    break_on: str = ""
    weights: str = ""
    name: str = "histogram"
    kind: ColumnKind = "grid"
    maker: str = "histogram/1"

    def identity(self) -> str:
        return self.weights

    def settings(self) -> Mapping[str, Any]:
        return {"bins": self.bins}

    def load(self, device: torch.device) -> ComputeColumn:
        return self._compute

    def _compute(self, samples: Sequence[Sample]) -> list[ColumnValue]:
        for sample in samples:
            if self.break_on and sample.id == self.break_on:
                raise RuntimeError(f"no histogram of {sample.id}")
        return [self._histogram(sample.image.mean(axis=2)) for sample in samples]

    def _histogram(self, grey: np.ndarray) -> np.ndarray:
        down, across = grey.shape[0] // 2, grey.shape[1] // 2
        quarters = [[grey[:down, :across], grey[:down, across:]], [grey[down:, :across], grey[down:, across:]]]
        counts = [[np.histogram(part, self.bins, (0, 255))[0] / part.size for part in row] for row in quarters]
        return np.array(counts, np.float16)


@dataclass(frozen=True)
class Caption(ColumnProducer):
    """Words for an image."""

    weights: str = ""
    name: str = "caption"
    kind: ColumnKind = "text"
    maker: str = "caption/1"

    def identity(self) -> str:
        return self.weights

    def settings(self) -> Mapping[str, Any]:
        return {}

    def load(self, device: torch.device) -> ComputeColumn:
        return lambda samples: [(f"<b>{'very ' * (int(s.id[-1]) % 3)}nice {s.id}", "nice") for s in samples]


@dataclass(frozen=True)
class Spelling(ColumnProducer):
    """The letters of the first caption."""

    weights: str = ""
    name: str = "spelling"
    kind: ColumnKind = "sequence"
    maker: str = "spelling/1"
    sources: ClassVar[tuple[str, ...]] = ("caption",)

    def identity(self) -> str:
        return self.weights

    def settings(self) -> Mapping[str, Any]:
        return {}

    def load(self, device: torch.device) -> ComputeColumn:
        return lambda samples: [
            np.frombuffer(sample.texts["caption"][0].encode(), np.uint8).copy()[:, None] for sample in samples
        ]
