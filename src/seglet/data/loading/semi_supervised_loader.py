"""Loader of steps that hold a few labelled and any number of unlabelled images, the same with any number of workers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from seglet.data.augment.geometry import Augmentation, AugmentedView
from seglet.data.augment.strong import StrongAugmentation, strong_view
from seglet.data.loading.collation import (
    collate_columns,
    collate_texts,
    crop_record,
    labelled_batch,
    sample_ids,
    stack_images,
)
from seglet.data.loading.loaders import check_sampler_size, endless_batches
from seglet.data.loading.sample_views import LoadingFailure, SampleViews, require_labels, without_annotation
from seglet.data.loading.semi_dataset import PartnerSource, SemiDataset
from seglet.data.loading.step_sampler import CombinedSampler, StepSampler, augmentation_rng, stream_seed
from seglet.types import SemiStep, Unlabelled

_UNLABELLED, _PARTNER, _STRONG = 1, 2, 3
"""Streams of a seed: order and weak views of unlabelled images, those of their partners, and strong augmentation."""


def semi_loader(
    data: SemiDataset, augment: Augmentation, sampler: StepSampler, workers: int = 0
) -> DataLoader[SemiStep]:
    """Returns endless steps: the views that `labelled_loader` would take, and unlabelled ones in orders of their own.

    Each list of images is shuffled anew when all of it was taken, so the shorter one repeats within an epoch of the
    longer. Weak and strong views share their geometry and depend on the seed and the position alone.

    With `partner: reversed` the partners are the unlabelled views of the whole optimiser step in reverse order: where
    the step is one batch, the method reverses it; where it is divided, the batch brings the views that belong to it.

    Raises:
        ValueError: the sampler was made for a data set of another size.
        DataError: while iterating: a sample cannot be read, or a labelled one has no mask or a label that is no class.
    """
    check_sampler_size(sampler, data)
    config = data.config
    parts: list[_Part] = [_Part(SampleViews(data.labelled, augment, sampler.seed, require_labels), config.strong, 0)]
    samplers = [sampler]
    whole, ratio = data.unlabelled, config.unlabelled_ratio
    own = replace(sampler, size=len(whole), batch=sampler.batch * ratio, chances=None, groups=whole.groups)
    for stream, mirrored in _unlabelled_streams(config.partner, sampler.accumulate * sampler.world):
        seed = stream_seed(sampler.seed, stream)
        weak = SampleViews(data.unlabelled, augment, seed, without_annotation)
        parts.append(_Part(weak, config.strong, config.streams))
        samplers.append(replace(own, seed=seed, mirrored=mirrored))
    return endless_batches(_PartViews(parts), CombinedSampler(samplers), workers, _semi_step)


def _unlabelled_streams(partner: PartnerSource, batches: int) -> list[tuple[int, bool]]:
    """Returns the streams of unlabelled views and of their partners, if those are loaded, and whether mirrored."""
    if partner == "batch":
        return [(_UNLABELLED, False), (_PARTNER, False)]
    return [(_UNLABELLED, False)] + [(_UNLABELLED, True)] * (batches > 1)


@dataclass(frozen=True)
class _Part:
    """One list of images of a step, and the number of strong views taken of each."""

    weak: SampleViews
    strong: StrongAugmentation
    streams: int


@dataclass(frozen=True)
class _PartView:
    """A weak view, its strong views, and the part it belongs to. Axis s: strong views."""

    part: int
    weak: AugmentedView
    strong: Float[Tensor, "s 3 h w"]


class _PartViews(TorchDataset["_PartView | LoadingFailure"]):
    """Maps (part, sample index, position) to views."""

    def __init__(self, parts: Sequence[_Part]) -> None:
        self.parts = parts

    def __getitem__(self, item: tuple[int, int, int]) -> _PartView | LoadingFailure:
        number, index, position = item
        part = self.parts[number]
        weak = part.weak[index, position]
        if isinstance(weak, LoadingFailure):
            return weak
        strong = weak.image.new_empty((part.streams, *weak.image.shape))
        rng = augmentation_rng(stream_seed(part.weak.seed, _STRONG), position)
        for stream in range(part.streams):
            altered = strong_view(weak.image.permute(1, 2, 0).numpy(), part.strong, rng)
            strong[stream] = torch.from_numpy(np.ascontiguousarray(altered)).permute(2, 0, 1)
        return _PartView(number, weak, strong)


def _semi_step(items: Sequence[_PartView]) -> SemiStep:
    labelled = labelled_batch([item.weak for item in items if item.part == 0])
    unlabelled = _unlabelled([item for item in items if item.part == _UNLABELLED])
    partner = [item for item in items if item.part == _PARTNER]
    return SemiStep(labelled, unlabelled, _unlabelled(partner) if partner else None)


def _unlabelled(items: Sequence[_PartView]) -> Unlabelled:
    views = [item.weak for item in items]
    return Unlabelled(
        ids=sample_ids(views),
        images=stack_images(views),
        strong=torch.stack([item.strong for item in items], dim=1),
        valid=torch.from_numpy(np.stack([view.valid for view in views])),
        crop=crop_record(views),
        columns=collate_columns(views),
        texts=collate_texts(views),
    )
