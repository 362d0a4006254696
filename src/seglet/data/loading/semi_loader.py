"""Steps of few labelled images and as many unlabelled ones as wanted, the same with any number of workers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from seglet.data.augment.geometry import Augment
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
from seglet.data.loading.semi_dataset import SemiDataset
from seglet.data.loading.step_sampler import StepSampler, augmentation_rng, stream_seed
from seglet.data.loading.views import LoadingFailure, SampleViews, Seen, require_labels, without_annotation
from seglet.types import SemiStep, Unlabelled

_UNLABELLED, _PARTNER, _STRONG = 1, 2, 3
"""Streams of a seed: order and weak views of unlabelled images, of their partners, and changes of strong views."""


def semi_loader(data: SemiDataset, augment: Augment, sampler: StepSampler, workers: int = 0) -> DataLoader[SemiStep]:
    """Endless steps: the views that `labelled_loader` would take, and unlabelled ones in orders of their own.

    Each list of images begins anew, shuffled, when it is through, so a short one is repeated to the length of the
    longer. Weak and strong views share their geometry and are functions of the seed and the position alone.

    Raises:
        ValueError: the sampler was made for a data set of another size.
        DataError: while iterating: a sample is unreadable, or a labelled one has no mask or a label that is no class.
    """
    check_sampler_size(sampler, data)
    config = data.config
    parts: list[_Part] = [_Part(SampleViews(data.labelled, augment, sampler.seed, require_labels), config.strong, 0)]
    samplers = [sampler]
    for stream in (_UNLABELLED, _PARTNER)[: 2 if config.partner == "batch" else 1]:
        seed = stream_seed(sampler.seed, stream)
        weak = SampleViews(data.unlabelled, augment, seed, without_annotation)
        parts.append(_Part(weak, config.strong, config.streams))
        count = sampler.batch * config.unlabelled_ratio
        samplers.append(replace(sampler, size=len(data.unlabelled), batch=count, seed=seed))
    return endless_batches(_Parts(parts), _Together(samplers), workers, _semi_step)


@dataclass(frozen=True)
class _Part:
    """Images that come together in a step, and how often each is seen strongly altered."""

    weak: SampleViews
    strong: StrongAugmentation
    streams: int


@dataclass(frozen=True)
class _PartSeen:
    part: int
    seen: Seen
    strong: Float[Tensor, "s 3 h w"]


class _Parts(TorchDataset["_PartSeen | LoadingFailure"]):
    def __init__(self, parts: Sequence[_Part]) -> None:
        self.parts = parts

    def __getitem__(self, item: tuple[int, int, int]) -> _PartSeen | LoadingFailure:
        number, index, position = item
        part = self.parts[number]
        seen = part.weak[index, position]
        if isinstance(seen, LoadingFailure):
            return seen
        image = seen.viewed.image
        strong = image.new_empty((part.streams, *image.shape))
        rng = augmentation_rng(stream_seed(part.weak.seed, _STRONG), position)
        for stream in range(part.streams):
            altered = strong_view(image.permute(1, 2, 0).numpy(), part.strong, rng)
            strong[stream] = torch.from_numpy(np.ascontiguousarray(altered)).permute(2, 0, 1)
        return _PartSeen(number, seen, strong)


@dataclass(frozen=True)
class _Together:
    """The batches of several samplers as one, each item with the number of its sampler."""

    samplers: Sequence[StepSampler]

    def __iter__(self) -> Iterator[list[tuple[int, int, int]]]:
        for several in zip(*self.samplers, strict=True):
            yield [(number, index, position) for number, batch in enumerate(several) for index, position in batch]


def _semi_step(items: Sequence[_PartSeen]) -> SemiStep:
    labelled = labelled_batch([item.seen for item in items if item.part == 0])
    unlabelled = _unlabelled([item for item in items if item.part == _UNLABELLED])
    partner = [item for item in items if item.part == _PARTNER]
    return SemiStep(labelled, unlabelled, _unlabelled(partner) if partner else None)


def _unlabelled(items: Sequence[_PartSeen]) -> Unlabelled:
    seen = [item.seen for item in items]
    views = [item.viewed for item in seen]
    return Unlabelled(
        ids=sample_ids(seen),
        images=stack_images(views),
        strong=torch.stack([item.strong for item in items], dim=1),
        valid=torch.from_numpy(np.stack([v.valid for v in views])),
        crop=crop_record(views),
        columns=collate_columns(seen),
        texts=collate_texts(seen),
    )
