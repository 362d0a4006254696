"""Loader of steps some of whose images have no masks, the same with any number of workers."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from seglet.data.augment.geometry import Augmentation, AugmentedView
from seglet.data.dataset import Sample
from seglet.data.loading.collation import labelled_batch
from seglet.data.loading.loaders import check_sampler_size, endless_batches
from seglet.data.loading.partly_labelled import PartlyLabelledDataset, unlabelled_count
from seglet.data.loading.sample_views import LoadingFailure, SampleViews, require_labels
from seglet.data.loading.step_sampler import CombinedSampler, StepSampler, stream_seed
from seglet.types import IGNORE, Labelled

_UNLABELLED = 1
"""Stream of the seed for order and views of the images without masks."""


def partly_labelled_loader(
    data: PartlyLabelledDataset, share: float, augment: Augmentation, sampler: StepSampler, workers: int = 0
) -> DataLoader[Labelled]:
    """Returns endless steps of labelled images and, after them, images of which every pixel is IGNORE.

    Both lists are shuffled anew when all of it was taken. Views depend on seed and position alone.

    Raises:
        ValueError: the sampler was made for a data set of another size.
        DataError: a step has one image; while iterating: a sample cannot be read, or a labelled one has no sound mask.
    """
    check_sampler_size(sampler, data)
    count, seed = unlabelled_count(sampler.batch, share), stream_seed(sampler.seed, _UNLABELLED)
    parts = (
        SampleViews(data.labelled, augment, sampler.seed, require_labels),
        SampleViews(data.unlabelled, augment, seed, void_everywhere),
    )
    samplers = (
        replace(sampler, batch=sampler.batch - count),
        replace(
            sampler,
            size=len(data.unlabelled),
            batch=count,
            seed=seed,
            chances=None,
            groups=data.unlabelled.groups,
        ),
    )
    return endless_batches(_JoinedViews(parts), CombinedSampler(samplers), workers, labelled_batch)


def void_everywhere(sample: Sample, num_classes: int) -> Sample:
    """Returns the sample with a mask that is IGNORE everywhere, and without tags."""
    return replace(sample, labels=np.full(sample.image.shape[:2], IGNORE, dtype=np.uint8), tags=None)


class _JoinedViews(TorchDataset["AugmentedView | LoadingFailure"]):
    """Maps (part, sample index, position) to the view of that part."""

    def __init__(self, parts: Sequence[SampleViews]) -> None:
        self.parts = parts

    def __getitem__(self, item: tuple[int, int, int]) -> AugmentedView | LoadingFailure:
        part, index, position = item
        return self.parts[part][index, position]
