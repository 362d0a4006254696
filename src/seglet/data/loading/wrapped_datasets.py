"""Decoded samples kept in memory."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate, chain

import numpy as np

from seglet.data.dataset import Dataset, Sample
from seglet.data.errors import DataError


class CachedDataset(Dataset):
    """A data set that keeps what it has read, up to `limit_bytes`, and reads the rest anew each time.

    Nothing is thrown out to make room: where every sample comes once an epoch, what was used last is needed last.
    Each worker process keeps its own copy.
    """

    def __init__(self, dataset: Dataset, limit_bytes: int) -> None:
        self.dataset = dataset
        self.classes = dataset.classes
        self.fingerprint = dataset.fingerprint
        self.ids = dataset.ids
        self.limit_bytes = limit_bytes
        self.held_bytes = 0
        self._samples: dict[int, Sample] = {}

    def identity(self, index: int, reads: Sequence[str] = ("image",)) -> str:
        return self.dataset.identity(index, reads)

    def read(self, index: int) -> Sample:
        kept = self._samples.get(index)
        if kept is not None:
            return kept
        sample = self.dataset.read(index)
        size = _bytes(sample)
        if self.held_bytes + size <= self.limit_bytes:
            self._samples[index] = sample
            self.held_bytes += size
        return sample


def _bytes(sample: Sample) -> int:
    arrays: list[np.ndarray] = [sample.image, *sample.columns.values()]
    if sample.labels is not None:
        arrays.append(sample.labels)
    return sum(array.nbytes for array in arrays)


class JoinedDataset(Dataset):
    """The samples of all parts in order; a sample may be in several.

    Raises:
        DataError: there is no part, or their classes differ.
    """

    def __init__(self, parts: Sequence[Dataset]) -> None:
        if not parts or any(part.classes != parts[0].classes for part in parts):
            raise DataError("expected data sets with the same classes; take them from one")
        self.parts = tuple(parts)
        self.classes = parts[0].classes
        self.ids = tuple(chain.from_iterable(part.ids for part in parts))
        self.fingerprint = "+".join(part.fingerprint for part in parts)
        self._ends = list(accumulate(map(len, parts)))

    def read(self, index: int) -> Sample:
        part, place = self._find(index)
        return part.read(place)

    def identity(self, index: int, reads: Sequence[str] = ("image",)) -> str:
        part, place = self._find(index)
        return part.identity(place, reads)

    def _find(self, index: int) -> tuple[Dataset, int]:
        if not 0 <= index < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        number = bisect_right(self._ends, index)
        return self.parts[number], index - (self._ends[number - 1] if number else 0)
