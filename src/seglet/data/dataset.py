"""What the rest of seglet sees of a set of images: samples, read one at a time by index.

Axes: h rows, w columns.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import UInt8

from seglet.data.columns.kinds import ColumnKind
from seglet.types import Classes


@dataclass(frozen=True)
class Sample:
    """One image as it lies on disk, before any view of it is taken.

    `labels` are train ids or IGNORE, `tags` the sorted train ids of the classes present, of which background is never
    one; either is None where nobody annotated it. Labels have the size of the image unless the data set keeps whole
    masks.
    `columns` and `texts` are what was computed offline for this image. `kinds` says how a column follows a view; one
    without a kind is an image if it is as large as the image, and else left whole.
    """

    id: str
    image: UInt8[np.ndarray, "h w 3"]
    labels: UInt8[np.ndarray, "rows columns"] | None
    tags: tuple[int, ...] | None = None
    columns: Mapping[str, np.ndarray] = field(default_factory=dict)
    texts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    kinds: Mapping[str, ColumnKind] = field(default_factory=dict)


class Dataset(ABC):
    """A fixed, ordered set of samples.

    `fingerprint` is a hash of the content: two datasets share it only if every sample is the same.
    """

    classes: Classes
    fingerprint: str
    ids: Sequence[str]

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> Sample:
        """Returns the sample at `index`, which counts from the end if it is negative.

        Raises:
            IndexError: there are fewer samples.
            DataError: its files cannot be read.
        """
        return self.read(range(len(self))[index])

    def __iter__(self) -> Iterator[Sample]:
        """Reads the samples one after the other."""
        return (self.read(index) for index in range(len(self)))

    @abstractmethod
    def read(self, index: int) -> Sample:
        """The sample at `index`; safe to call from several processes.

        Raises:
            DataError: its files cannot be read, or hold what they must not; says which file and the cure.
        """

    def identity(self, index: int, reads: Sequence[str] = ("image",)) -> str:
        """Words that are equal for two samples, of any data sets, only if what is named of them is equal.

        `reads` may name image, tags and labels. What was computed for a sample is kept under its identity, so that
        splits share it and a change of one image leaves the others' alone. Nothing is read.
        """
        return f"{self.fingerprint} {self.ids[index]}"

    def map_parts(self, change: "Callable[[Dataset], Dataset]") -> "Dataset":
        """Returns this data set with `change` applied to each list of images it is made of; here to itself."""
        return change(self)
