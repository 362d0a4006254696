"""Producers of columns, which describe how they compute before anything is loaded."""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch

from seglet.data.columns.kinds import ColumnKind, ColumnValue
from seglet.data.dataset import Sample

SamplePart = Literal["image", "tags", "labels"]
COLUMN_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")

ComputeColumn = Callable[[Sequence[Sample]], Sequence[ColumnValue]]
"""Computes one value per sample. Samples are whole images, of any sizes, with the columns listed in `sources`."""


class ColumnProducer(ABC):
    """Computes one column. Its description is the column's address: equal descriptions must mean equal values.

    Nothing is loaded before `load`, which is not called if every image has its value. Random draws must depend on the
    settings and the sample's id alone, since the grouping of images into batches and processes is not fixed.
    """

    name: str
    """Name of the column: lower-case letters, digits, - and _."""

    kind: ColumnKind

    maker: str
    """Name and version of the code; the version rises when its values change: "depth-anything/1"."""

    reads: ClassVar[tuple[SamplePart, ...]] = ("image",)
    """Parts of a sample that the values depend on; a change of any of them makes the value stale."""

    sources: ClassVar[tuple[str, ...]] = ()
    """Columns that this one is computed from; samples come with them."""

    @abstractmethod
    def identity(self) -> str:
        """Returns the identity of the weights: repository or folder, and revision or hash; empty without weights.

        Training calls this too, so it must not load the weights.
        """

    def fetch(self) -> None:  # noqa: B027  most producers have nothing to fetch
        """Downloads what `identity` needs in order to be exact; called before columns are prepared, not in training."""

    @abstractmethod
    def settings(self) -> Mapping[str, Any]:
        """Returns every setting that changes the values, as plain JSON."""

    @abstractmethod
    def load(self, device: torch.device) -> ComputeColumn:
        """Returns the function that computes the values on `device`; it runs without gradients.

        Raises:
            ValueError: the weights are missing or do not fit; says where to get them.
        """
