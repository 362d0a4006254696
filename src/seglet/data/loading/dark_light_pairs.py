"""Pairs of dark and light images: each dark image comes with the same image taken in the light.

Axes: h rows, w columns.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from seglet.data.dark.darkened_dataset import DarkenedDataset
from seglet.data.dataset import Dataset, Sample
from seglet.data.enhance.by_name import ENHANCERS, EnhancerName
from seglet.data.errors import DataError
from seglet.data.loading.data_config import DataConfig, SplitSource
from seglet.data.names import ImageNames, match_names
from seglet.data.opening import names_world, open_dataset
from seglet.types import option
from seglet.values import ConfigError

SELF = "self"
"""The value of `light` for light images that are darkened view by view."""
BRIGHTENED = "brightened"
"""The value of `light` for dark images that are brightened, also where there are light ones."""
LIGHT_COLUMN = "light"
"""Name of the column that holds the light image; it is cropped with the image."""


@dataclass(frozen=True)
class PairConfig(DataConfig):
    """Keys of every method that learns from pairs of dark and light images."""

    light: str | None = option(
        None,
        "data set of the same images in the light; self: `data` are light, and `dark` darkens each view anew; "
        "brightened, or none: dark images are brightened instead; with none, world has its own",
    )
    light_split: str | None = option(None, "split of the light images; none: the same as train_split")
    light_offset: int = option(0, "number in the name of a light image minus that of its dark image; LIS: -1")
    brighten: EnhancerName = option(
        "clahe", "enhancement that replaces light images where there are none; future work of the paper"
    )

    def training_images(self, source: SplitSource) -> Dataset:
        """Opens the dark images, or the light ones whose views will be darkened."""
        return source.open(source.train_split, dark=self.light != SELF)

    def validation_images(self, source: SplitSource) -> Dataset:
        """Opens the dark images to score on; light ones are darkened by the views' preset, each always alike."""
        if self.light != SELF:
            return source.open(source.val_split, scored=True, dark=True)
        if source.darkness is None:
            raise ConfigError(
                "light: self takes light images, whose views are darkened; say how dark with --dark night (mild, "
                "night, extreme, stops) and --dark_share 1, or give the dark images as data and the light ones as light"
            )
        return DarkenedDataset(source.open(source.val_split, scored=True), source.darkness, variant=source.dark_variant)

    def datasets(self, source: SplitSource) -> dict[str, Dataset]:
        """Opens the data sets of a run, all dark; those to train on have the light image beside each dark one.

        Raises:
            DataError: there are no light images, a pair is not complete, or the classes differ.
        """
        pairs = self._paired(source, self.training_images(source))
        scored = self.validation_images(source)
        return {source.val_split: source.cached(scored), source.train_split: source.cached(pairs)}

    def _paired(self, source: SplitSource, dark: Dataset) -> Dataset:
        if self.light == SELF:
            return SelfLightDataset(dark)
        split = self.light_split or source.train_split
        if self.light == BRIGHTENED:
            return BrightenedDataset(dark, self.brighten)
        if self.light is not None:
            light = open_dataset(self.light, split, resize=source.resize)
            pairs = DarkLightDataset(dark, light, self.light_offset)
            pairs.check_sizes()
            return pairs
        return DarkLightDataset(dark, source.open(split)) if source.is_world else BrightenedDataset(dark, self.brighten)

    def evaluation_data(self, data: str) -> str:
        """Returns the name under which `seglet evaluate` opens the dark images."""
        if not names_world(data):
            return data
        return f"{data},dark=1" if ":" in data else f"{data}:dark=1"


class DarkLightDataset(Dataset):
    """Dark samples with their light images as column `LIGHT_COLUMN`; the fingerprint covers both.

    Args:
        dark: the samples to learn from, with their annotation.
        light: the same images in the light, in any order; matched by name.
        offset: see `PairConfig.light_offset`.

    Raises:
        DataError: a dark image has no light image of its own, or both are the same data set.
    """

    def __init__(self, dark: Dataset, light: Dataset, offset: int = 0) -> None:
        if dark.fingerprint == light.fingerprint:
            raise DataError(
                "dark and light images are the same data set; name the dark ones as data, or give `light: self` and "
                "`dark: night` to darken the views of light images"
            )
        self.dark, self.light = dark, light
        self.classes, self.ids = dark.classes, dark.ids
        self.partners = _partners(dark.ids, light.ids, offset)
        self.fingerprint = hashlib.sha256(f"{dark.fingerprint} {light.fingerprint} {offset}".encode()).hexdigest()

    def check_sizes(self) -> None:
        """Compares the sizes of all pairs of image files by their headers, before anything is trained.

        Raises:
            DataError: some differ; the message counts them and names up to three.
        """
        from seglet.images import image_size

        dark, light = self.dark, self.light
        wrong = []
        for index, partner in enumerate(self.partners):
            one, other = dark.image_file(index), light.image_file(partner)
            if one is None or other is None:
                return
            (h, w), (h2, w2) = image_size(*one), image_size(*other)
            if (h, w) != (h2, w2):
                wrong.append(f"{dark.ids[index]!r} is {w}x{h}, its light image {light.ids[partner]!r} {w2}x{h2}")
        if wrong:
            raise DataError(
                f"{len(wrong)} of {len(dark)} pairs do not have one size: {'; '.join(wrong[:3])}; pairs must "
                "show the same pixels: crop or resize one of them"
            )

    @property
    def origin(self) -> str:
        """Source of the dark images."""
        return self.dark.origin

    def identity(self, index: int, reads: Sequence[str] = ("image",)) -> str:
        """Returns the identity of the dark image."""
        return self.dark.identity(index, reads)

    def read(self, index: int) -> Sample:
        """Reads the dark sample and adds its light image.

        Raises:
            DataError: the two images have different sizes, or one cannot be read.
        """
        sample, light = self.dark.read(index), self.light.read(self.partners[index])
        if light.image.shape != sample.image.shape:
            (h, w), (h2, w2) = sample.image.shape[:2], light.image.shape[:2]
            raise DataError(
                f"dark image {sample.id!r} is {w}x{h}, its light image {light.id!r} {w2}x{h2}; pairs must "
                "show the same pixels: crop or resize one of them"
            )
        return _with_light(sample, light.image)


class _WithOwnLight(Dataset):
    """Images whose column `LIGHT_COLUMN` is made of the image itself, as `how` says."""

    def __init__(self, images: Dataset, how: str) -> None:
        self.dark = images
        self.classes, self.ids = images.classes, images.ids
        self.fingerprint = hashlib.sha256(f"{images.fingerprint} {how}".encode()).hexdigest()

    @property
    def origin(self) -> str:
        """Source of the images."""
        return self.dark.origin

    def identity(self, index: int, reads: Sequence[str] = ("image",)) -> str:
        """Returns the identity of the image as it is."""
        return self.dark.identity(index, reads)


class SelfLightDataset(_WithOwnLight):
    """Light images with themselves as column `LIGHT_COLUMN`: the teacher's view stays light where the student's is
    darkened."""

    def __init__(self, light: Dataset) -> None:
        super().__init__(light, SELF)

    def read(self, index: int) -> Sample:
        """Reads the light sample and adds its image as the light one."""
        sample = self.dark.read(index)
        return _with_light(sample, sample.image)


class BrightenedDataset(_WithOwnLight):
    """Dark images whose column `LIGHT_COLUMN` is the image itself, brightened; for data without light images."""

    def __init__(self, dark: Dataset, enhancer: EnhancerName) -> None:
        super().__init__(dark, enhancer)
        self.enhancer = enhancer

    def read(self, index: int) -> Sample:
        """Reads the dark sample and brightens its image."""
        sample = self.dark.read(index)
        return _with_light(sample, ENHANCERS[self.enhancer](sample.image))


def _with_light(sample: Sample, light: UInt8[np.ndarray, "h w 3"]) -> Sample:
    return replace(
        sample, columns={**sample.columns, LIGHT_COLUMN: light}, kinds={**sample.kinds, LIGHT_COLUMN: "image"}
    )


def shift_number(name: str, offset: int) -> str:
    """Returns the name with `offset` added to its last number, which keeps leading zeros; other names are unchanged."""
    found = re.search(r"(\d+)(\D*)$", name)
    if not offset or found is None:
        return name
    number = str(int(found[1]) + offset).zfill(len(found[1]) if found[1].startswith("0") else 0)
    return f"{name[: found.start()]}{number}{found[2]}"


def _partners(dark: Sequence[str], light: Sequence[str], offset: int) -> list[int]:
    """Returns the index of the light image of each dark one.

    Only one of the two sets may have a folder for each split, so a last part that is unique in both sets is enough;
    where last parts repeat, folders count.

    Raises:
        DataError: a dark image has no light image, or more than one, or shares it with another.
    """
    there = {Path(name): index for index, name in enumerate(light)}
    known = ImageNames(((path.as_posix(), path) for path in there), None)
    shifted = [_shifted(name, offset) for name in dark]
    found = match_names(shifted, known)
    twice = {name for ids in (shifted, light) for name, count in Counter(map(_name, ids)).items() if count > 1}
    partners = {name: there[path] for name, path in found.images.items()}
    partners |= {_name(name): index for index, name in enumerate(light) if _name(name) not in twice}
    wanted = [name if _name(name) in twice else _name(name) for name in shifted]
    missing = [place for place, name in enumerate(wanted) if name not in partners]
    if missing:
        first = f"{dark[missing[0]]!r} (looked for {wanted[missing[0]]!r})"
        names = "names must agree with their folders" if twice else "names must agree"
        raise DataError(
            f"{len(missing)} of {len(wanted)} dark images have no light image, such as {first}; {names}, but for "
            "`light_offset`"
        )
    return [partners[name] for name in wanted]


def _shifted(name: str, offset: int) -> str:
    folder, slash, last = name.rpartition("/")
    return f"{folder}{slash}{shift_number(last, offset)}"


def _name(identifier: str) -> str:
    """Returns the last part of an id."""
    return identifier.rsplit("/", 1)[-1]
