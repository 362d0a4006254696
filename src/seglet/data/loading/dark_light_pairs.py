"""Images in the dark, each beside the same image in the light.

Axes: h rows, w columns.
"""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import UInt8

from seglet.data.dataset import Dataset, Sample
from seglet.data.enhance.gamma import correct_gamma
from seglet.data.enhance.histogram import clahe, equalise_histogram
from seglet.data.enhance.retinex import msrcr
from seglet.data.errors import DataError
from seglet.data.loading.data_config import DataConfig, SplitSource
from seglet.data.opening import names_world, open_dataset
from seglet.types import option

LIGHT_COLUMN = "light"
"""Name of the column that holds the image in the light; it follows views as the image itself does."""

Brightening = Literal["clahe", "equalise", "gamma", "retinex"]
BRIGHTENERS: Mapping[Brightening, Callable[[np.ndarray], np.ndarray]] = {
    "clahe": clahe, "equalise": equalise_histogram, "gamma": correct_gamma, "retinex": msrcr,
}  # fmt: skip


@dataclass(frozen=True)
class PairConfig(DataConfig):
    """The keys of every method that sees images in the dark beside those in the light."""

    light: str | None = option(
        None, "data set of the same images in the light; none: each image brightened stands in; world has its own"
    )
    light_split: str | None = option(None, "its split; none: called as train_split")
    light_offset: int = option(0, "number in the name of an image in the light, less that in the dark; LIS: -1")
    brighten: Brightening = option("clahe", "what stands in for the light where there is none; the paper's future work")

    def training_images(self, source: SplitSource) -> Dataset:
        """Opens the dark images."""
        return source.open(source.train_split, dark=True)

    def validation_images(self, source: SplitSource) -> Dataset:
        """Opens the dark images to score on."""
        return source.open(source.val_split, scored=True, dark=True)

    def datasets(self, source: SplitSource) -> dict[str, Dataset]:
        """Opens the data sets of a run, all dark; those to train on have the light image beside each dark one.

        Raises:
            DataError: there are no light images, a pair is not complete, or the classes differ.
        """
        pairs = self._paired(source, self.training_images(source))
        scored = self.validation_images(source)
        return {source.val_split: source.cached(scored), source.train_split: source.cached(pairs)}

    def _paired(self, source: SplitSource, dark: Dataset) -> Dataset:
        split = self.light_split or source.train_split
        if self.light is not None:
            light = open_dataset(self.light, split, resize=source.resize)
            return PairedDataset(dark, light, self.light_offset)
        return PairedDataset(dark, source.open(split)) if source.is_world else BrightenedDataset(dark, self.brighten)

    def evaluation_data(self, data: str) -> str:
        """Returns the name under which `seglet evaluate` opens the dark images."""
        if not names_world(data):
            return data
        return f"{data},dark=1" if ":" in data else f"{data}:dark=1"


class PairedDataset(Dataset):
    """The images in the dark, with those in the light as their column `LIGHT`; the fingerprint covers both.

    Args:
        dark: what is learnt from, with its annotation.
        light: the same images, in any order; found by their names.
        offset: see `PairConfig.light_offset`.

    Raises:
        DataError: an image has no partner, or the two are the same data.
    """

    def __init__(self, dark: Dataset, light: Dataset, offset: int = 0) -> None:
        if dark.fingerprint == light.fingerprint:
            raise DataError("the images in the dark are those in the light; name the dark ones as data")
        self.dark, self.light = dark, light
        self.classes, self.ids = dark.classes, dark.ids
        there = {_name(light.ids[index]): index for index in range(len(light))}
        wanted = [shift_number(_name(name), offset) for name in dark.ids]
        gone = [place for place, name in enumerate(wanted) if name not in there]
        if gone:
            first = f"{dark.ids[gone[0]]!r} (looked for {wanted[gone[0]]!r})"
            raise DataError(
                f"{len(gone)} of {len(wanted)} images in the dark have none in the light, such as {first}; "
                "names must agree, but for `light_offset`"
            )
        self._places = [there[name] for name in wanted]
        self.fingerprint = hashlib.sha256(f"{dark.fingerprint} {light.fingerprint} {offset}".encode()).hexdigest()

    def identity(self, index: int, reads: Sequence[str] = ("image",)) -> str:
        return self.dark.identity(index, reads)

    def read(self, index: int) -> Sample:
        sample, lit = self.dark.read(index), self.light.read(self._places[index])
        if lit.image.shape != sample.image.shape:
            (h, w), (h2, w2) = sample.image.shape[:2], lit.image.shape[:2]
            raise DataError(
                f"image {sample.id!r} is {w}x{h} in the dark and {w2}x{h2} in the light ({lit.id!r}); pairs must "
                "show the same pixels: crop or resize one of them"
            )
        return _with_light(sample, lit.image)


class BrightenedDataset(Dataset):
    """Images in the dark whose column `LIGHT` is themselves, brightened: for those who have no pairs."""

    def __init__(self, dark: Dataset, how: Brightening) -> None:
        self.dark, self.how = dark, how
        self.classes, self.ids = dark.classes, dark.ids
        self.fingerprint = hashlib.sha256(f"{dark.fingerprint} {how}".encode()).hexdigest()

    def identity(self, index: int, reads: Sequence[str] = ("image",)) -> str:
        return self.dark.identity(index, reads)

    def read(self, index: int) -> Sample:
        sample = self.dark.read(index)
        return _with_light(sample, BRIGHTENERS[self.how](sample.image))


def _with_light(sample: Sample, light: UInt8[np.ndarray, "h w 3"]) -> Sample:
    """The sample with the image in the light as a column."""
    return replace(
        sample, columns={**sample.columns, LIGHT_COLUMN: light}, kinds={**sample.kinds, LIGHT_COLUMN: "image"}
    )


def shift_number(name: str, offset: int) -> str:
    """The name with its last number raised by `offset`, which keeps its leading zeros; one without is left."""
    found = re.search(r"(\d+)(\D*)$", name)
    if not offset or found is None:
        return name
    number = str(int(found[1]) + offset).zfill(len(found[1]) if found[1].startswith("0") else 0)
    return f"{name[: found.start()]}{number}{found[2]}"


def _name(identifier: str) -> str:
    """Images that were darkened may lie in folders of their splits, where the others do not."""
    return identifier.rsplit("/", 1)[-1]
