"""The images of a data set as files to predict, with their tags and true labels."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from seglet.data.checking.file_facts import LIMIT_OPTION
from seglet.data.dataset import Dataset
from seglet.data.folder_dataset import FolderDataset
from seglet.data.shards.sharded_dataset import ShardedDataset
from seglet.images import OWN_RANGE
from seglet.inference.inputs import ImageFile
from seglet.inference.known_tags import KnownTags


@dataclass(frozen=True)
class DatasetImages:
    """The images of one split of a data set; `name` is what the user called it, None for one in memory."""

    name: str | None
    samples: Dataset

    @property
    def images(self) -> list[ImageFile]:
        return [self._image(index) for index in range(len(self.samples))]

    def tags(self) -> KnownTags | None:
        """Returns the tags of each image that has any, from a file or from its mask; None if no image has any."""
        found = {self._image(index).path: self._tags(index) for index in range(len(self.samples))}
        known = {path: tags for path, tags in found.items() if tags is not None}
        return KnownTags(known, Path(self.name or "data set"), self.samples.fingerprint) if known else None

    def truth(self, image: ImageFile) -> UInt8[np.ndarray, "h w"] | None:
        """Returns the true labels of an image of this split, or None if it has no mask."""
        return self.samples.read(self._places[image.path]).labels

    @cached_property
    def _places(self) -> Mapping[Path, int]:
        return {self._image(index).path: index for index in range(len(self.samples))}

    def _tags(self, index: int) -> tuple[int, ...] | None:
        if isinstance(self.samples, FolderDataset) and self.samples.items[index].tags is not None:
            return self.samples.items[index].tags  # written down, so no image has to be opened
        if isinstance(self.samples, ShardedDataset) and (row := self.samples.row(index)).tags is not None:
            return row.tags
        return self.samples.read(index).tags

    def _image(self, index: int) -> ImageFile:
        name = self.samples.ids[index]
        if isinstance(self.samples, FolderDataset):
            whites, limit = self.samples.whites or OWN_RANGE, self.samples.description.max_pixels
            return ImageFile(self.samples.items[index].image, name, None, whites, limit, LIMIT_OPTION)
        return ImageFile(Path(f"{name}.png"), name, lambda: self.samples.read(index).image)
