"""Images with masks and images without in one data set, for methods some of whose losses need no masks."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch.utils.data import DataLoader

from seglet.data.augment.geometry import Augmentation
from seglet.data.dataset import Dataset, Sample
from seglet.data.errors import DataError
from seglet.data.loading.data_config import DataConfig, SplitSource
from seglet.data.loading.step_sampler import StepSampler
from seglet.data.loading.wrapped_datasets import JoinedDataset
from seglet.images.value_range import Channel
from seglet.types import Labelled, option


class PartlyLabelledDataset(Dataset):
    """The labelled images; the `unlabelled` ones are kept beside them, and the fingerprint covers both.

    Raises:
        DataError: an unlabelled image is also labelled, or their classes differ.
    """

    def __init__(self, labelled: Dataset, unlabelled: Dataset) -> None:
        refuse_labelled_twice(labelled, unlabelled)
        if labelled.classes != unlabelled.classes:
            raise DataError("labelled and unlabelled images have different classes; take them from one data set")
        self.labelled = labelled
        self.unlabelled = unlabelled
        self.classes = labelled.classes
        self.ids = labelled.ids
        self.fingerprint = f"{labelled.fingerprint}+{unlabelled.fingerprint}"

    @property
    def channels(self) -> tuple[Channel, ...] | None:
        """Channels of the labelled images."""
        return self.labelled.channels

    def read(self, index: int) -> Sample:
        """Reads a labelled image."""
        return self.labelled.read(index)

    def map_parts(self, change: Callable[[Dataset], Dataset]) -> Dataset:
        """Returns this data set with `change` applied to the labelled and to the unlabelled images."""
        return PartlyLabelledDataset(change(self.labelled), change(self.unlabelled))


def refuse_labelled_twice(labelled: Dataset, unlabelled: Dataset) -> None:
    """Checks that no image is in both data sets, compared by content where it was hashed.

    Raises:
        DataError: some are; names the first.
    """
    known = set(labelled.image_keys())
    shared = [name for name, key in zip(unlabelled.ids, unlabelled.image_keys(), strict=True) if key in known]
    if shared:
        raise DataError(
            f"{len(shared)} of {len(unlabelled)} unlabelled images are also labelled, such as {shared[0]!r}; "
            "what they teach would count twice: take them out of one of the two splits"
        )


@dataclass(frozen=True)
class PartlyLabelledConfig(DataConfig):
    """Keys of every method some of whose losses need no masks: those also take images without any."""

    unlabelled_split: str | None = option(
        None,
        "images without masks to learn from too; none: the counterpart of train_split, 1_8/unlabelled for "
        "1_8/labelled, or a split called unlabelled",
    )
    unlabelled_share: float | None = option(
        None, "share of a step's images that have no masks; none: 0.5 where there are such images, else 0"
    )

    def __post_init__(self) -> None:
        share = self.unlabelled_share
        if share is not None and not 0 <= share < 1:
            raise ValueError(f"unlabelled_share: expected 0 up to below 1, got {share}")
        if self.unlabelled_obstacle and (share or self.unlabelled_split is not None):
            key = "unlabelled_share" if share else "unlabelled_split"
            raise ValueError(f"{key}: images without masks teach nothing, because {self.unlabelled_obstacle}")

    @property
    def unlabelled_obstacle(self) -> str:
        """The reason why images without masks have no part in the losses; empty if they have."""
        return ""

    @property
    def share(self) -> float:
        """The share of a step's images that have no masks, where there are such images."""
        return 0.5 if self.unlabelled_share is None else self.unlabelled_share

    def chosen_unlabelled_split(self, source: SplitSource) -> str | None:
        """Returns the split of the images without masks; None if there is none, or if none are to be used.

        Raises:
            DataError: images without masks are asked for, and no split of them is known.
        """
        if self.unlabelled_obstacle or self.unlabelled_share == 0:
            return None
        found = self.unlabelled_split or source.find_unlabelled_split()
        if found is None and self.unlabelled_share:
            raise DataError(
                f"unlabelled_share: {source.data!r} has no images without masks that belong to "
                f"{source.train_split!r}; name their split as unlabelled_split"
            )
        return found

    def training_images(self, source: SplitSource) -> Dataset:
        """Opens the labelled images and, after them, those without masks."""
        labelled, split = source.open(source.train_split), self.chosen_unlabelled_split(source)
        return labelled if split is None else JoinedDataset((labelled, source.open(split)))

    def datasets(self, source: SplitSource) -> dict[str, Dataset]:
        """Opens the data sets of a run; with images without masks, the one to train on is a `PartlyLabelledDataset`.

        Raises:
            DataError: an unlabelled image is also labelled, or there is no such folder or split.
        """
        split = self.chosen_unlabelled_split(source)
        if split is None:
            return super().datasets(source)
        scored = source.cached(self.validation_images(source))
        labelled, unlabelled = (source.cached(source.open(each)) for each in (source.train_split, split))
        both = PartlyLabelledDataset(labelled, unlabelled)
        return {split: unlabelled, source.val_split: scored, source.train_split: both}

    def loader(
        self, supervision: type, data: Dataset, augment: Augmentation, sampler: StepSampler, workers: int = 0
    ) -> DataLoader[Any]:
        """Returns the endless stream of training steps; see `partly_labelled_loader`."""
        if supervision is not Labelled or not isinstance(data, PartlyLabelledDataset):
            return super().loader(supervision, data, augment, sampler, workers)
        from seglet.data.loading.partly_labelled_loader import partly_labelled_loader

        return partly_labelled_loader(data, self.share, augment, sampler, workers)

    def training_notes(self, data: Dataset, steps: int, batch: int) -> list[str]:
        """Returns how many images have no masks, and how often images of both kinds come."""
        if not isinstance(data, PartlyLabelledDataset):
            return []
        labelled, unlabelled, count = len(data), len(data.unlabelled), unlabelled_count(batch, self.share)
        return [
            f"{labelled} labelled and {unlabelled} unlabelled images, {batch - count} and {count} of each step: a "
            f"labelled image comes {steps * (batch - count) / labelled:.1f} times, an unlabelled one "
            f"{steps * count / unlabelled:.1f} times"
        ]


def unlabelled_count(batch: int, share: float) -> int:
    """Returns how many of `batch` images have no masks: the share rounded, but at least one of each kind.

    Raises:
        DataError: there is but one image.
    """
    if batch < 2:
        raise DataError(
            "a step of one image cannot hold a labelled and an unlabelled one; raise batch, or lower accumulate or "
            "devices, among which it is divided, or set unlabelled_share to 0"
        )
    return min(max(round(batch * share), 1), batch - 1)
