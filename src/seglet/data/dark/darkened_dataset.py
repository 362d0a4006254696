"""Data sets whose images are darkened while they are read."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from seglet.data.dark.pipeline import darken_image
from seglet.data.dark.presets import (
    DarkeningRanges,
    DarkPreset,
    NightCameraRanges,
    night_camera_ranges,
    preset_ranges,
)
from seglet.data.dark.stops import stop_down
from seglet.data.dataset import Dataset, Sample
from seglet.files import content_hash


class DarkenedDataset(Dataset):
    """The samples of `dataset`, darkened by a preset of `seglet data darken` or by a number of stops.

    Random draws depend on the seed and the name of the image alone; with stops only noise is drawn, the same for all
    stops.
    """

    def __init__(
        self,
        dataset: Dataset,
        level: DarkPreset | float,
        seed: int = 0,
        variant: Literal["degrade", "camera"] = "degrade",
    ) -> None:
        self.dataset, self.level, self.seed = dataset, level, seed
        self.ranges: DarkeningRanges | NightCameraRanges | None = None
        if isinstance(level, str):
            self.ranges = night_camera_ranges(level) if variant == "camera" else preset_ranges(level)
        self._how = f"{level} {seed}" if variant == "degrade" else f"{level} {seed} {variant}"
        self.classes, self.ids = dataset.classes, dataset.ids
        self.fingerprint = content_hash(f"{dataset.fingerprint} {self._how}".encode())

    @property
    def origin(self) -> str:
        """Source of the images in full light."""
        return self.dataset.origin

    def identity(self, index: int, reads: Sequence[str] = ("image",)) -> str:
        """Returns the identity of the image in full light together with the darkening."""
        return f"{self.dataset.identity(index, reads)} {self._how} {self.ids[index]}"

    def read(self, index: int) -> Sample:
        """Reads the sample and darkens its image."""
        sample = self.dataset.read(index)
        if self.ranges is not None:
            return replace(sample, image=darken_image(sample.image, self.ranges.draw(self.seed, sample.id)))
        noise = int.from_bytes(hashlib.sha256(f"{self.seed}/{sample.id}".encode(errors="surrogateescape")).digest()[:6])
        return replace(sample, image=stop_down(sample.image, float(self.level), noise))
