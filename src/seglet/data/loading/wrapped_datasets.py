"""Decoded samples kept in memory."""

from collections.abc import Sequence

import numpy as np

from seglet.data.dataset import Dataset, Sample


class Cached(Dataset):
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
