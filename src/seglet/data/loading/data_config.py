"""Data-related part of a method's config: which images a run uses, and how they become steps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from torch.utils.data import DataLoader

from seglet.data.augment.geometry import Augmentation
from seglet.data.dark.views import DarkViewPreset
from seglet.data.dataset import Dataset, Sample
from seglet.data.loading.step_sampler import StepSampler
from seglet.data.opening import names_of_several, names_world, open_dataset
from seglet.types import Labelled, Tagged

if TYPE_CHECKING:
    from seglet.data.dark.presets import DarkPreset

ImageRows = Sequence[Sequence[np.ndarray]]
"""RGB images (h, w, 3) of type uint8, row by row, as a contact sheet shows them."""


@dataclass(frozen=True)
class SplitSource:
    """The data that an experiment names; opens its splits.

    `world_scenes` and `world_size` are those of the embedded world, unless its name in `data` has its own. `dark` is
    the preset by which training views are darkened, `dark_stops` the range of light that its `stops` takes, and
    `dark_variant` the pipeline of the others.
    """

    data: str
    train_split: str
    val_split: str
    resize: float = 1.0
    world_scenes: int = 2000
    world_size: int = 64
    cache: float = 0.0
    dark: DarkViewPreset = "none"
    dark_stops: tuple[float, float] = (4.0, 4.0)
    dark_variant: Literal["degrade", "camera"] = "degrade"

    @property
    def is_world(self) -> bool:
        """True for the embedded world."""
        return names_world(self.data)

    @property
    def darkness(self) -> "DarkPreset | float | None":
        """Level of darkness of images that are darkened once and for all: the middle of a range of stops."""
        if self.dark == "stops":
            return sum(self.dark_stops) / 2
        return None if self.dark == "none" else self.dark

    def open(self, split: str, *, scored: bool = False, dark: bool = False) -> Dataset:
        """Opens a split; masks are resized with their images unless predictions are to be `scored` on them.

        `dark` draws the embedded world at night; other data sets are as dark as they are.

        Raises:
            DataError: there is no such folder or split, or the data are not sound.
        """
        if not self.is_world:
            return open_dataset(self.data, split, resize=self.resize, whole_masks=scored)
        from seglet.data.world.options import open_world

        scenes = max(100, self.world_scenes // 10) if scored else self.world_scenes
        return open_world(self.data, split, scenes=scenes, size=self.world_size, dark=dark)

    def find_unlabelled_split(self) -> str | None:
        """Returns the split of images without masks that goes with `train_split`; None if there is none.

        It is the counterpart of a split `…/labelled`, or else a split of a folder that is called unlabelled.

        Raises:
            DataError: there is no such folder, or the data are not sound.
        """
        from seglet.data.splits.fractions import UNLABELLED_NAMES, is_labelled_part, unlabelled_counterpart

        labelled = is_labelled_part(self.train_split)
        wanted = (unlabelled_counterpart(self.train_split),) if labelled else UNLABELLED_NAMES
        if self.is_world:
            return wanted[0] if labelled else None
        from seglet.data.folder_dataset import describe_data
        from seglet.data.shards.file_rows import split_sizes
        from seglet.stores.mirror import local_folder

        if len(names_of_several(self.data)) > 1:
            return None  # the split of each has to be given

        known = split_sizes(self.data) or describe_data(local_folder(self.data)).splits
        is_official_list = labelled and self.train_split not in known
        return next((name for name in wanted if is_official_list or name in known), None)

    def cached(self, data: Dataset) -> Dataset:
        """Returns the data set with up to `cache` GiB of decoded samples kept in memory; 0 keeps none."""
        if not self.cache:
            return data

        from seglet.data.loading.wrapped_datasets import CachedDataset

        return CachedDataset(data, int(self.cache * 2**30))


class DataConfig:
    """Decides which images a run trains and validates on, and how they are loaded.

    The functions here serve every method that learns from masks or tags of one split. The config of a method with other
    data inherits from a subclass, such as `SemiConfig` or `PairConfig`, or from one of its own.
    """

    def training_images(self, source: SplitSource) -> Dataset:
        """Opens all images that training uses, each once, as `seglet prepare` reads them to compute columns."""
        return source.open(source.train_split)

    def validation_images(self, source: SplitSource) -> Dataset:
        """Opens the images to score on, their masks at the size they have."""
        return source.open(source.val_split, scored=True)

    def datasets(self, source: SplitSource) -> dict[str, Dataset]:
        """Opens the data sets of a run by the names of their splits; steps are drawn from that of `train_split`.

        Raises:
            DataError: there is no such folder or split, or the data are not sound.
        """
        scored = source.cached(self.validation_images(source))
        return {source.val_split: scored, source.train_split: source.cached(self.training_images(source))}

    def loader(
        self, supervision: type, data: Dataset, augment: Augmentation, sampler: StepSampler, workers: int = 0
    ) -> DataLoader[Any]:
        """Returns the endless stream of training steps of type `supervision`.

        Raises:
            ValueError: this config has no loader for such steps.
        """
        from seglet.data.loading.loaders import labelled_loader, tagged_loader

        if supervision is Labelled:
            return labelled_loader(data, augment, sampler, workers)
        if supervision is Tagged:
            return tagged_loader(data, augment, sampler, workers)
        raise ValueError(
            f"{type(self).__name__} has no loader for steps of type {supervision.__name__}; the config of a method "
            "with steps of its own overrides `loader` of seglet.data.loading.data_config.DataConfig"
        )

    def missing_annotation(self, supervision: type, sample: Sample) -> Literal["masks", "tags"] | None:
        """Returns what steps of type `supervision` need and this sample of the training split lacks."""
        if supervision is Labelled and sample.labels is None:
            return "masks"
        return "tags" if supervision is Tagged and sample.tags is None else None

    def training_notes(self, data: Dataset, steps: int, batch: int) -> list[str]:
        """Returns lines about the training data to print before `steps` steps of `batch` images each."""
        return []

    def example_sheets(self, data: Dataset, augment: Augmentation, seed: int, count: int) -> Mapping[str, ImageRows]:
        """Returns further sheets of training images for the run's folder, by name, of the first `count` images."""
        return {}

    def evaluation_data(self, data: str) -> str:
        """Returns the name under which `seglet evaluate` opens the images to score on."""
        return data
