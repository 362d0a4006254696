"""Small data sets held in memory."""

from collections.abc import Mapping

import numpy as np

from seglet.data.dataset import Dataset, Sample
from seglet.types import Classes

CLASSES = Classes(("ground", "thing", "other"), ((0, 0, 0), (255, 0, 0), (0, 255, 0)))


def random_image(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def sample(height: int = 20, width: int = 30, seed: int = 0, columns: Mapping[str, np.ndarray] | None = None) -> Sample:
    labels = np.random.default_rng(seed).integers(0, 3, (height, width)).astype(np.uint8)
    return Sample(f"toy{seed}", random_image(height, width, seed), labels, columns=columns or {})


class Toys(Dataset):
    """Samples held in memory; counts how often each was read."""

    def __init__(self, samples: list[Sample]) -> None:
        self.samples = samples
        self.classes = CLASSES
        self.fingerprint = "toys"
        self.ids = [s.id for s in samples]
        self.reads = [0] * len(samples)

    def read(self, index: int) -> Sample:
        self.reads[index] += 1
        return self.samples[index]
