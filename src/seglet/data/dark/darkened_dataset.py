"""Images as they would be in the dark, made while they are read."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from seglet.data.dark.pipeline import darken_image
from seglet.data.dark.presets import DarkPreset, preset_ranges
from seglet.data.dark.stops import stop_down
from seglet.data.dataset import Dataset, Sample
from seglet.files import content_hash


class DarkenedDataset(Dataset):
    """The samples of `dataset` under a preset of `seglet data darken`, or with so many stops less of their light.

    What is drawn depends on the seed and the image's name alone; under stops that is noise, the same for all stops.
    """

    def __init__(self, dataset: Dataset, level: DarkPreset | float, seed: int = 0) -> None:
        self.dataset, self.level, self.seed = dataset, level, seed
        self.ranges = preset_ranges(level) if isinstance(level, str) else None
        self.classes, self.ids = dataset.classes, dataset.ids
        self.fingerprint = content_hash(f"{dataset.fingerprint} {level} {seed}".encode())

    def identity(self, index: int, reads: Sequence[str] = ("image",)) -> str:
        return f"{self.dataset.identity(index, reads)} {self.level} {self.seed} {self.ids[index]}"

    def read(self, index: int) -> Sample:
        sample = self.dataset.read(index)
        if self.ranges is not None:
            return replace(sample, image=darken_image(sample.image, self.ranges.draw(self.seed, sample.id)))
        noise = int.from_bytes(hashlib.sha256(f"{self.seed}/{sample.id}".encode()).digest()[:6])
        return replace(sample, image=stop_down(sample.image, float(self.level), noise))
