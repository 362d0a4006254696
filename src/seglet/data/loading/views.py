"""Augmented views of single samples, made in the loading workers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset as TorchDataset

from seglet.data.augment.geometry import Augment, AugmentedView, augmented_view
from seglet.data.columns.kinds import ColumnKind
from seglet.data.dataset import Dataset, Sample
from seglet.data.errors import DataError
from seglet.data.loading.step_sampler import augmentation_rng
from seglet.types import IGNORE, tag_vector


@dataclass(frozen=True)
class LoadingFailure:
    """A DataError on its way from a worker: torch would bury its message in a traceback."""

    message: str


@dataclass(frozen=True)
class Seen:
    """A view, and what does not change with it: id, texts and kinds of columns of its sample.

    Tags are a row of 0 and 1, empty where none are wanted.
    """

    id: str
    viewed: AugmentedView
    tags: Tensor
    texts: Mapping[str, tuple[str, ...]]
    kinds: Mapping[str, ColumnKind]


_Annotated = Callable[[Sample, int], tuple[Sample, Tensor]]
"""The sample with only what a method may see of it, and its row of tags, from the sample and the number of classes."""


class SampleViews(TorchDataset["Seen | LoadingFailure"]):
    """The view of a sample at a position, annotated as `annotated` says."""

    def __init__(self, dataset: Dataset, augment: Augment, seed: int, annotated: _Annotated) -> None:
        self.dataset = dataset
        self.augment = augment
        self.seed = seed
        self.annotated = annotated

    def __getitem__(self, item: tuple[int, int]) -> Seen | LoadingFailure:
        index, position = item
        try:
            sample, tags = self.annotated(self.dataset.read(index), len(self.dataset.classes))
            viewed = augmented_view(sample, self.augment, augmentation_rng(self.seed, position))
            if viewed.labels is not None:
                _check_labels(sample.id, viewed.labels, len(self.dataset.classes))
        except DataError as error:
            return LoadingFailure(str(error))
        except OSError as error:
            return LoadingFailure(f"sample {self.dataset.ids[index]!r} cannot be read: {error}")
        return Seen(sample.id, viewed, tags, sample.texts, sample.kinds)


def require_labels(sample: Sample, classes: int) -> tuple[Sample, Tensor]:
    """The sample as it is, which must have a mask; no tags."""
    if sample.labels is None:
        raise DataError(f"sample {sample.id!r} has no mask; this method learns from masks, choose a labelled split")
    return sample, torch.empty(0)


def _check_labels(name: str, labels: np.ndarray, classes: int) -> None:
    wrong = (labels >= classes) & (labels != IGNORE)
    if wrong.any():
        raise DataError(
            f"the mask of sample {name!r} holds label {int(labels[wrong][0])}, but classes are 0 to {classes - 1} "
            f"and {IGNORE} is void; `seglet data check` lists all such masks"
        )


def require_tags(sample: Sample, classes: int) -> tuple[Sample, Tensor]:
    if sample.tags is None:
        raise DataError(
            f"sample {sample.id!r} has no tags; this method learns from tags: say where they are with "
            "`seglet data check DIR --tags FILE`, or choose a tagged split"
        )
    if not set(sample.tags) <= set(range(classes)):
        raise DataError(f"sample {sample.id!r} has tags {sample.tags}, but classes are 0 to {classes - 1}")
    return replace(sample, labels=None), tag_vector(sample.tags, classes)


def without_annotation(sample: Sample, classes: int) -> tuple[Sample, Tensor]:
    """The image and its columns alone, whatever else is known of it."""
    return replace(sample, labels=None, tags=None), torch.empty(0)
