"""Data sets as the rest of seglet uses them: samples in a fixed order, read one at a time.

Axes: h rows, w columns.
"""

import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import SupportsIndex

import numpy as np
from jaxtyping import Shaped, UInt8

from seglet.data.columns.kinds import ColumnKind
from seglet.images import WhiteLevels
from seglet.images.value_range import Channel
from seglet.types import Classes


@dataclass(frozen=True)
class Sample:
    """One image with its annotation as stored, before augmentation.

    The image holds bytes of red, green and blue or, where the data set has `channels`, their stored values as floats.
    `labels` holds train ids or IGNORE, `tags` the sorted train ids of the classes in the image, background excluded;
    both are None where there is no annotation. Labels have the size of the image unless the data set keeps whole masks.
    `columns` and `texts` hold what was computed offline for this image. `kinds` says how each column follows a view; a
    column without a kind is treated as an image if it has the size of the image, and is left unchanged otherwise.
    """

    id: str
    image: Shaped[np.ndarray, "h w c"]
    labels: UInt8[np.ndarray, "rows columns"] | None
    tags: tuple[int, ...] | None = None
    columns: Mapping[str, np.ndarray] = field(default_factory=dict)
    texts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    kinds: Mapping[str, ColumnKind] = field(default_factory=dict)


class Dataset(ABC):
    """Samples in a fixed order: `len(data)`, `data[0]`, `data[-1]` and loops over `data` work as on a list.

    Samples are read when they are asked for, each time anew; `CachedDataset` keeps them in memory.
    `fingerprint` is a hash of the content: two data sets share it only if all their samples are the same.
    """

    classes: Classes
    fingerprint: str
    ids: Sequence[str]

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: SupportsIndex) -> Sample:
        """Reads the sample at `index`; negative numbers count from the end.

        Raises:
            IndexError: there are not so many samples.
            DataError: its files cannot be read.
        """
        position, count = operator.index(index), len(self)
        if not -count <= position < count:
            raise IndexError(f"sample {position} of {count}; indices go from {-count} to {count - 1}")
        return self.read(position % count)

    def __iter__(self) -> Iterator[Sample]:
        """Reads the samples one after the other."""
        return map(self.read, range(len(self)))

    def __repr__(self) -> str:
        names = self.classes.names
        listed = ", ".join(names[:4]) + (", …" if len(names) > 4 else "")
        samples = f"{len(self)} sample{'' if len(self) == 1 else 's'}"
        parts = filter(None, (self.origin, samples, f"{len(names)} classes ({listed})"))
        return f"{type(self).__name__}({', '.join(parts)})"

    @property
    def origin(self) -> str:
        """Source of the samples, shown by `repr`; empty by default."""
        return ""

    @property
    def whites(self) -> WhiteLevels | None:
        """White levels that the images of more than 8 bits share; None, the default, if they share none."""
        return None

    @property
    def channels(self) -> tuple[Channel, ...] | None:
        """Channels of the images; None, the default, for red, green and blue."""
        return None

    @property
    def groups(self) -> tuple[int, ...]:
        """Sizes of the runs of samples that are stored together, such as shards; empty, the default, if none are."""
        return ()

    @abstractmethod
    def read(self, index: int) -> Sample:
        """Reads the sample at `index`, 0 or more; may be called from several processes at once.

        Raises:
            DataError: its files cannot be read or have unexpected content; names the file and the remedy.
        """

    def identity(self, index: int, reads: Sequence[str] = ("image",)) -> str:
        """Returns text that is equal for two samples, of any data sets, only if the named parts of them are equal.

        `reads` may name image, tags and labels. Values computed for a sample are stored under its identity, so that
        splits share them and a changed image leaves the others valid. No file is read.
        """
        return f"{self.fingerprint} {self.ids[index]}"

    def image_keys(self) -> Sequence[str]:
        """Returns one text per sample that tells images apart across splits: here their ids, in order."""
        return self.ids

    def image_file(self, index: int) -> tuple[Path, int] | None:
        """Returns the file of the image at `index` and the pixels that it may have; None, the default, without one."""
        return None

    def map_parts(self, change: "Callable[[Dataset], Dataset]") -> "Dataset":
        """Returns this data set with `change` applied to each list of images it is made of; here to itself."""
        return change(self)
