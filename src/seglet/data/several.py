"""Several data sets under one name, `a,b`: their images one after the other, their classes joined by name.

Axes: h rows, w columns.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np

from seglet.data.dataset import Dataset, Sample
from seglet.data.errors import DataError
from seglet.data.folder_dataset import describe_data
from seglet.data.loading.wrapped_datasets import JoinedDataset
from seglet.data.opening import open_dataset
from seglet.data.shards.manifest import find_manifest, load_manifest
from seglet.data.spelling import fold_spelling
from seglet.images import WhiteLevels
from seglet.images.value_range import Channel
from seglet.stores.mirror import local_folder
from seglet.types import IGNORE, Classes

_NO_SPLIT = "none"
"""Name in place of a split, for a data set that is left out."""


def open_several(names: Sequence[str], split: str, resize: float = 1.0, whole_masks: bool = False) -> Dataset:
    """Opens a split of several data sets on disk as one.

    Args:
        names: folders or files of descriptions.
        split: the split of all of them, or one for each, with commas between; `none` leaves a data set out.
        resize: see `open_dataset`.
        whole_masks: likewise.

    Raises:
        DataError: another number of splits, none is left, or a data set or its split is not there.
    """
    splits = [part.strip() for part in split.split(",")]
    if len(splits) == 1:
        splits *= len(names)
    if len(splits) != len(names) or set(splits) == {_NO_SPLIT}:
        raise DataError(
            f"{len(names)} data sets and split {split!r}: expected one split for all, or {len(names)} with commas "
            f"between, such as 'train,{_NO_SPLIT}', where {_NO_SPLIT} leaves a data set out"
        )
    classes = joined_classes([_classes_of(name) for name in names])
    chosen = [place for place, part in enumerate(splits) if part != _NO_SPLIT]
    opened = [open_dataset(names[place], splits[place], resize=resize, whole_masks=whole_masks) for place in chosen]
    return JoinedDataset([PartOfSeveral(part, classes, place + 1) for place, part in zip(chosen, opened, strict=True)])


def _classes_of(name: str) -> Classes:
    places = find_manifest(name)
    return describe_data(local_folder(name)).classes if places is None else load_manifest(*places).reading.classes


def joined_classes(parts: Sequence[Classes]) -> Classes:
    """Returns the classes of all parts: those of the first, then those whose name, but for spelling, is new."""
    names: dict[str, tuple[str, tuple[int, int, int]]] = {}
    for part in parts:
        for name, colour in zip(part.names, part.colours, strict=True):
            names.setdefault(fold_spelling(name), (name, colour))
    return Classes(tuple(name for name, _ in names.values()), tuple(colour for _, colour in names.values()))


class PartOfSeveral(Dataset):
    """A data set in the classes of several; ids begin with its number among them, so that none repeats."""

    def __init__(self, dataset: Dataset, classes: Classes, number: int) -> None:
        self.dataset, self.classes = dataset, classes
        self.ids = tuple(f"{number}/{name}" for name in dataset.ids)
        places = {fold_spelling(name): place for place, name in enumerate(classes.names)}
        self._labels = [places[fold_spelling(name)] for name in dataset.classes.names]
        moved = "" if dataset.classes == classes else f" {self._labels} of {classes.names}"
        self.fingerprint = f"{number}:{dataset.fingerprint}{moved}"

    @property
    def origin(self) -> str:
        """Source of the data set."""
        return self.dataset.origin

    @property
    def whites(self) -> WhiteLevels | None:
        """White levels of the data set."""
        return self.dataset.whites

    @property
    def channels(self) -> tuple[Channel, ...] | None:
        """Channels of the data set."""
        return self.dataset.channels

    @property
    def groups(self) -> tuple[int, ...]:
        """Groups of the data set."""
        return self.dataset.groups

    def identity(self, index: int, reads: Sequence[str] = ("image",)) -> str:
        """Returns the identity in the data set and, if annotation is read, what its classes are called here."""
        own = self.dataset.identity(index, reads)
        return own if set(reads) <= {"image"} or self.dataset.classes == self.classes else f"{own} {self._labels}"

    def image_keys(self) -> Sequence[str]:
        """Returns the keys of the data set."""
        return self.dataset.image_keys()

    def image_file(self, index: int) -> tuple[Path, int] | None:
        """Returns the file of the image."""
        return self.dataset.image_file(index)

    def read(self, index: int) -> Sample:
        """Reads the sample; its labels and tags are those of the joined classes."""
        sample = self.dataset.read(index)
        labels = None if sample.labels is None else self._table[sample.labels]
        tags = None if sample.tags is None else tuple(sorted(self._labels[tag] for tag in sample.tags))
        return replace(sample, id=self.ids[index], labels=labels, tags=tags)

    @cached_property
    def _table(self) -> np.ndarray:
        table = np.full(256, IGNORE, np.uint8)
        table[: len(self._labels)] = self._labels
        return table
