"""Augmented views of single samples, made in the loading workers."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from torch.utils.data import Dataset as TorchDataset

from seglet.data.augment.geometry import Augmentation, AugmentedView, augmented_view
from seglet.data.dataset import Dataset, Sample
from seglet.data.errors import DataError
from seglet.data.loading.step_sampler import EpochOrder, augmentation_rng
from seglet.types import IGNORE

if TYPE_CHECKING:
    from seglet.data.augment.copy_paste import ClassDonors

_PASTE = 4
"""Stream of a view's seed for what is pasted into it, beside those of the loaders."""

SelectAnnotation = Callable[[Sample, int], Sample]
"""Reduces a sample to the annotation that a method may use, given the number of classes; raises DataError if it lacks
what the method needs."""


@dataclass(frozen=True)
class LoadingFailure:
    """The message of a DataError, sent from a worker: torch would bury an exception in a traceback."""

    message: str


class SampleViews(TorchDataset["AugmentedView | LoadingFailure"]):
    """Maps (sample index, position) to the view of that sample at that position."""

    def __init__(self, dataset: Dataset, augment: Augmentation, seed: int, select: SelectAnnotation) -> None:
        self.dataset = dataset
        self.augment = augment
        self.seed = seed
        self.select = select
        self.donors: ClassDonors | None = None
        if augment.copy_paste and select is require_labels:
            from seglet.data.augment.copy_paste import find_donors

            self.donors = find_donors(dataset)

    def __getitem__(self, item: tuple[int, int]) -> AugmentedView | LoadingFailure:
        index, position = item
        num_classes = len(self.dataset.classes)
        try:
            sample = self.select(self.dataset.read(index), num_classes)
            view = augmented_view(sample, self.augment, augmentation_rng(self.seed, position))
            if self.donors is not None:
                view = self._with_pasted(view, self.donors, position)
            if view.labels is not None:
                _check_labels(sample.id, view.labels, num_classes)
        except DataError as error:
            return LoadingFailure(str(error))
        except OSError as error:
            return LoadingFailure(f"sample {self.dataset.ids[index]!r} cannot be read: {error}")
        return view

    def _with_pasted(self, view: AugmentedView, donors: "ClassDonors", position: int) -> AugmentedView:
        """Returns the view with a rare class of another image, by the chance of the augmentation."""
        from seglet.data.augment.copy_paste import paste_class

        rng = np.random.default_rng((self.seed, position, _PASTE))
        drawn = donors.draw(rng)
        if drawn is None or rng.random() >= self.augment.copy_paste:
            return view
        label, index = drawn
        donor = self.select(self.dataset.read(index), len(self.dataset.classes))
        return paste_class(view, augmented_view(donor, self.augment, rng), label)


def first_views(
    dataset: Dataset, augment: Augmentation, seed: int, count: int, chances: tuple[float, ...] | None = None
) -> Iterator[tuple[Sample, AugmentedView]]:
    """Yields the first `count` samples of a training and their views, with their masks or tags if they have some.

    Raises:
        DataError: a sample cannot be read, or a view not be made of it.
    """
    order = EpochOrder(len(dataset), seed, chances)
    masked = dataset.read(order.index(0)).labels is not None
    views = SampleViews(dataset, augment, seed, require_labels if masked else as_it_is)
    for position in range(count):
        index = order.index(position)
        view = views[index, position]
        if isinstance(view, LoadingFailure):
            raise DataError(view.message)
        yield dataset.read(index), view


def as_it_is(sample: Sample, num_classes: int) -> Sample:
    """Returns the sample unchanged, whatever it has."""
    return sample


def require_labels(sample: Sample, num_classes: int) -> Sample:
    """Returns the sample unchanged.

    Raises:
        DataError: it has no mask.
    """
    if sample.labels is None:
        raise DataError(f"sample {sample.id!r} has no mask; this method learns from masks, choose a labelled split")
    return sample


def require_tags(sample: Sample, num_classes: int) -> Sample:
    """Returns the sample with its tags and without its mask.

    Raises:
        DataError: it has no tags, or a tag that is no class.
    """
    if sample.tags is None:
        raise DataError(
            f"sample {sample.id!r} has no tags; this method learns from tags: say where they are with "
            "`seglet data check DIR --tags FILE`, or choose a tagged split"
        )
    if not set(sample.tags) <= set(range(num_classes)):
        raise DataError(f"sample {sample.id!r} has tags {sample.tags}, but classes are 0 to {num_classes - 1}")
    return replace(sample, labels=None)


def without_annotation(sample: Sample, num_classes: int) -> Sample:
    """Returns the sample without its mask and tags; columns stay."""
    return replace(sample, labels=None, tags=None)


def _check_labels(name: str, labels: np.ndarray, num_classes: int) -> None:
    wrong = (labels >= num_classes) & (labels != IGNORE)
    if wrong.any():
        raise DataError(
            f"the mask of sample {name!r} holds label {int(labels[wrong][0])}, but classes are 0 to {num_classes - 1} "
            f"and {IGNORE} is void; `seglet data check` lists all such masks"
        )
