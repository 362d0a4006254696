"""Who computes a column, and what is said about how: enough to tell one way from another, before anything is loaded."""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch

from seglet.data.columns.kinds import ColumnKind, ColumnValue
from seglet.data.dataset import Sample

Reads = Literal["image", "tags", "labels"]
COLUMN_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")

Compute = Callable[[Sequence[Sample]], Sequence[ColumnValue]]
"""A value for each sample. Samples are whole images, of sizes of their own, with the columns in `sources`."""


class ColumnProducer(ABC):
    """Makes one column. What it says of itself is the column's address: equal words must mean equal values.

    Nothing is loaded before `load`, which is not called when every image has its value. What is drawn at random must
    follow from the settings and the sample's id alone, as nobody knows which images share a batch or a process.
    """

    name: str
    """Of the column: small letters, digits, - and _."""

    kind: ColumnKind

    maker: str
    """The code that computes it, with a version that rises when other values come out: "depth-anything/1"."""

    reads: ClassVar[tuple[Reads, ...]] = ("image",)
    """What of a sample the values depend on; more annotation makes the column stale where it is among these."""

    sources: ClassVar[tuple[str, ...]] = ()
    """Columns that this one is made from, which come with the samples."""

    @abstractmethod
    def identity(self) -> str:
        """Which weights: repository or folder, and revision or hash; empty where there are none.

        Training asks too, and should not need the weights for it.
        """

    @abstractmethod
    def settings(self) -> Mapping[str, Any]:
        """Every choice that changes the values, as plain JSON."""

    @abstractmethod
    def load(self, device: torch.device) -> Compute:
        """The function that computes the values on `device`; it runs without gradients.

        Raises:
            ValueError: the weights are not there or do not fit; says where to get them.
        """
