"""Data sets made of other data sets: samples kept in memory, and several sets one after the other."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate, chain
from pathlib import Path

import numpy as np

from seglet.data.dataset import Dataset, Sample
from seglet.data.errors import DataError
from seglet.images import WhiteLevels
from seglet.images.value_range import Channel


class CachedDataset(Dataset):
    """A data set that keeps the samples it has read in memory, up to `limit_bytes`.

    Further samples are read anew each time. Nothing is evicted: an epoch takes every sample once, so the sample used
    last is the one needed last. Each worker process keeps its own copy.
    """

    def __init__(self, dataset: Dataset, limit_bytes: int) -> None:
        self.dataset = dataset
        self.classes = dataset.classes
        self.fingerprint = dataset.fingerprint
        self.ids = dataset.ids
        self.limit_bytes = limit_bytes
        self.held_bytes = 0
        self._samples: dict[int, Sample] = {}

    @property
    def origin(self) -> str:
        """Source of the cached data set."""
        return self.dataset.origin

    @property
    def whites(self) -> WhiteLevels | None:
        """White levels of the cached data set."""
        return self.dataset.whites

    @property
    def channels(self) -> tuple[Channel, ...] | None:
        """Channels of the cached data set."""
        return self.dataset.channels

    @property
    def groups(self) -> tuple[int, ...]:
        """Groups of the data set."""
        return self.dataset.groups

    def identity(self, index: int, reads: Sequence[str] = ("image",)) -> str:
        """Returns the identity in the cached data set."""
        return self.dataset.identity(index, reads)

    def image_keys(self) -> Sequence[str]:
        """Returns the keys of the cached data set."""
        return self.dataset.image_keys()

    def read(self, index: int) -> Sample:
        """Returns the sample from memory, or reads it and keeps it if there is room."""
        kept = self._samples.get(index)
        if kept is not None:
            return kept
        sample = self.dataset.read(index)
        size = _size_in_bytes(sample)
        if self.held_bytes + size <= self.limit_bytes:
            self._samples[index] = sample
            self.held_bytes += size
        return sample


def _size_in_bytes(sample: Sample) -> int:
    arrays: list[np.ndarray] = [sample.image, *sample.columns.values()]
    if sample.labels is not None:
        arrays.append(sample.labels)
    return sum(array.nbytes for array in arrays)


class JoinedDataset(Dataset):
    """The samples of all parts in order; a sample may be in several parts.

    Raises:
        DataError: there is no part, or their classes or channels differ.
    """

    def __init__(self, parts: Sequence[Dataset]) -> None:
        if not parts or any(part.classes != parts[0].classes for part in parts):
            raise DataError("expected data sets with the same classes; take them from one")
        if len({tuple(channel.name for channel in part.channels or ()) for part in parts}) > 1:
            raise DataError("the parts have different channels; name the same in the same order for each")
        self.parts = tuple(parts)
        self.classes = parts[0].classes
        self.ids = tuple(chain.from_iterable(part.ids for part in parts))
        self.fingerprint = "+".join(part.fingerprint for part in parts)
        self._ends = list(accumulate(map(len, parts)))

    @property
    def origin(self) -> str:
        """Sources of the parts, each once."""
        return " + ".join(dict.fromkeys(filter(None, (part.origin for part in self.parts))))

    @property
    def whites(self) -> WhiteLevels | None:
        """White levels of the first part that has some."""
        return next((part.whites for part in self.parts if part.whites is not None), None)

    @property
    def channels(self) -> tuple[Channel, ...] | None:
        """Channels of the first part; those of all parts have the same names."""
        return self.parts[0].channels

    @property
    def groups(self) -> tuple[int, ...]:
        """Groups of the parts; a part without any is one group."""
        parts = [part.groups for part in self.parts]
        if not any(parts):
            return ()
        whole = [groups or (len(part),) for part, groups in zip(self.parts, parts, strict=True)]
        return tuple(chain.from_iterable(whole))

    def image_keys(self) -> Sequence[str]:
        """Returns the keys of the parts."""
        return [key for part in self.parts for key in part.image_keys()]

    def read(self, index: int) -> Sample:
        """Reads the sample from its part."""
        part, position = self._part_of(index)
        return part.read(position)

    def image_file(self, index: int) -> tuple[Path, int] | None:
        """Returns the file of the image in its part."""
        part, position = self._part_of(index)
        return part.image_file(position)

    def identity(self, index: int, reads: Sequence[str] = ("image",)) -> str:
        """Returns the identity in the part that the sample belongs to."""
        part, position = self._part_of(index)
        return part.identity(position, reads)

    def _part_of(self, index: int) -> tuple[Dataset, int]:
        if not 0 <= index < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        number = bisect_right(self._ends, index)
        return self.parts[number], index - (self._ends[number - 1] if number else 0)
