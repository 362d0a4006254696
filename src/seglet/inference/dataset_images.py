"""The pictures of a data set, for a command that segments pictures, and what the data set knows of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from seglet.data.dataset import Dataset, FolderDataset
from seglet.inference.inputs import Picture
from seglet.inference.known_tags import KnownTags


@dataclass(frozen=True)
class DataPictures:
    """The pictures of one split of `data`."""

    data: str
    samples: Dataset

    @property
    def pictures(self) -> list[Picture]:
        return [self._picture(index) for index in range(len(self.samples))]

    def tags(self) -> KnownTags | None:
        """Of each picture that has any, written down or following from a mask; None if no picture has."""
        found = {self._picture(index).path: self._tags(index) for index in range(len(self.samples))}
        known = {path: tags for path, tags in found.items() if tags is not None}
        return KnownTags(known, Path(self.data), self.samples.fingerprint) if known else None

    def truth(self, picture: Picture) -> UInt8[np.ndarray, "h w"] | None:
        """The labels of a picture of this split, or None where nobody drew them."""
        return self.samples.read(self._places[picture.path]).labels

    @cached_property
    def _places(self) -> Mapping[Path, int]:
        return {self._picture(index).path: index for index in range(len(self.samples))}

    def _tags(self, index: int) -> tuple[int, ...] | None:
        if isinstance(self.samples, FolderDataset) and self.samples.items[index].tags is not None:
            return self.samples.items[index].tags  # no picture need be opened for what is written down
        return self.samples.read(index).tags

    def _picture(self, index: int) -> Picture:
        name = self.samples.ids[index]
        if isinstance(self.samples, FolderDataset):
            return Picture(self.samples.items[index].image, name)
        return Picture(Path(f"{name}.png"), name, lambda: self.samples.read(index).image)
