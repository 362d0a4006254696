"""Pictures as they would be in the dark, made while they are read."""

from collections.abc import Sequence
from dataclasses import replace

from seglet.data.dark.pipeline import darken_picture
from seglet.data.dark.presets import Preset, preset
from seglet.data.dataset import Dataset, Sample
from seglet.data.files import content_hash


class Darkened(Dataset):
    """The samples of `dataset` under a preset of `seglet data darken`, which draws the same for a seed and a name."""

    def __init__(self, dataset: Dataset, level: Preset, seed: int = 0) -> None:
        self.dataset, self.ranges, self.level, self.seed = dataset, preset(level), level, seed
        self.classes, self.ids = dataset.classes, dataset.ids
        self.fingerprint = content_hash(f"{dataset.fingerprint} {level} {seed}".encode())

    def identity(self, index: int, reads: Sequence[str] = ("image",)) -> str:
        return f"{self.dataset.identity(index, reads)} {self.level} {self.seed} {self.ids[index]}"

    def read(self, index: int) -> Sample:
        sample = self.dataset.read(index)
        return replace(sample, image=darken_picture(sample.image, self.ranges.draw(self.seed, sample.id)))
