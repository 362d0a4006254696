"""Producers that need no weights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch

from seglet.data.columns.kinds import ColumnKind, ColumnValue
from seglet.data.columns.producer import ColumnProducer, ComputeColumn
from seglet.data.dataset import Sample


@dataclass(frozen=True)
class CopyProducer(ColumnProducer):
    """Column that is the image itself, of any kind; lists the ids of the images it was given in `received`."""

    kind: ColumnKind = "image"
    name: str = "source"
    gain: float = 1.0
    weights: str = ""
    received: list[str] = field(default_factory=list)
    maker: str = "image/1"

    def identity(self) -> str:
        return self.weights

    def settings(self) -> Mapping[str, Any]:
        return {"gain": self.gain}

    def load(self, device: torch.device) -> ComputeColumn:
        return self.compute

    def compute(self, samples: Sequence[Sample]) -> list[ColumnValue]:
        self.received.extend(sample.id for sample in samples)
        return [(self.gain * sample.image).astype(sample.image.dtype) for sample in samples]


@dataclass(frozen=True)
class Caption(ColumnProducer):
    """Column of text: a caption made of the id of the image."""

    name: str = "caption"
    kind: ColumnKind = "text"
    weights: str = ""
    maker: str = "caption/1"

    def identity(self) -> str:
        return self.weights

    def settings(self) -> Mapping[str, Any]:
        return {}

    def load(self, device: torch.device) -> ComputeColumn:
        return lambda samples: [("a photo", f"a photo of {sample.id}") for sample in samples]


@dataclass(frozen=True)
class Letters(ColumnProducer):
    """The letters of the last caption: a column made from a column, of a length of its own for each image."""

    name: str = "letters"
    kind: ColumnKind = "sequence"
    weights: str = ""
    maker: str = "letters/1"
    sources: ClassVar[tuple[str, ...]] = ("caption",)

    def identity(self) -> str:
        return self.weights

    def settings(self) -> Mapping[str, Any]:
        return {}

    def load(self, device: torch.device) -> ComputeColumn:
        return lambda samples: [_letters(sample.texts["caption"][-1]) for sample in samples]


def _letters(text: str) -> np.ndarray:
    return np.frombuffer(text.encode(), np.uint8).astype(np.float16)[:, None]
