"""From data sets to batches, the same with any number of workers."""

import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from seglet.data.augment.geometry import Augment, Viewed, view
from seglet.data.columns.kinds import LENGTH, Kind
from seglet.data.dataset import Dataset, Sample
from seglet.data.errors import DataError
from seglet.data.loading.step_sampler import StepSampler, augmentation_rng
from seglet.types import IGNORE, Crop, Labelled, SemiStep, Tagged, Target, tag_vector


def labelled_loader(dataset: Dataset, augment: Augment, sampler: StepSampler, workers: int = 0) -> DataLoader[Labelled]:
    """Endless batches of random views with their masks, as `sampler` orders them.

    Views depend on the sampler's seed and the position alone, not on `workers`, and the global generators are left
    untouched.

    Raises:
        ValueError: the sampler was made for a data set of another size.
        DataError: while iterating: a sample is unreadable, has no mask, or holds a label that is no class.
    """
    return _loader(Views(dataset, augment, sampler.seed, with_labels), sampler, workers, labelled_batch)


def tagged_loader(dataset: Dataset, augment: Augment, sampler: StepSampler, workers: int = 0) -> DataLoader[Tagged]:
    """Endless batches of the views that `labelled_loader` would take, with the tags of the whole images.

    Tags are those of the whole image whatever the view shows of it. Masks, where there are any, are not part of it.

    Raises:
        ValueError: the sampler was made for a data set of another size.
        DataError: while iterating: a sample is unreadable, has no tags, or a tag that is no class.
    """
    return _loader(Views(dataset, augment, sampler.seed, _with_tags), sampler, workers, _tagged)


def _loader(
    views: "Views", sampler: StepSampler, workers: int, collate: Callable[[Sequence["Seen"]], Labelled | Tagged]
) -> DataLoader[Any]:
    check_size(sampler, views.dataset)
    return batches(views, sampler, workers, collate)


def check_size(sampler: StepSampler, dataset: Dataset) -> None:
    """
    Raises:
        ValueError: the sampler was made for a data set of another size.
    """
    if sampler.size != len(dataset):
        raise ValueError(f"the sampler counts {sampler.size} samples but the data set has {len(dataset)}")


def batches(
    views: TorchDataset[Any],
    sampler: Iterable[list[Any]],
    workers: int,
    collate: Callable[[Sequence[Any]], Labelled | Tagged | SemiStep],
) -> DataLoader[Any]:
    """What `sampler` lists of `views`, without end; errors that a view gives back as a `Failure` are raised."""
    return Batches(
        views,
        batch_sampler=sampler,
        num_workers=workers,
        collate_fn=partial(_collate, collate),
        worker_init_fn=_begin_worker,
        persistent_workers=workers > 0,
        pin_memory=torch.cuda.is_available(),
        generator=torch.Generator(),  # else each iteration would draw from the global one
    )


def evaluation_samples(dataset: Dataset, rank: int = 0, world: int = 1, workers: int = 0) -> Iterator[Sample]:
    """Every `world`-th sample from `rank` on, in order: over all ranks each exactly once, unequal shares and all.

    `workers` threads read ahead; decoding images does not hold Python's lock.
    """
    if not 0 <= rank < world:
        raise ValueError(f"expected a rank from 0 to {world - 1}, got {rank}")
    indices = range(rank, len(dataset), world)
    if workers == 0:
        yield from map(dataset.read, indices)
        return
    with ThreadPoolExecutor(workers) as pool:
        ahead: deque[Future[Sample]] = deque()
        try:
            for index in indices:
                ahead.append(pool.submit(dataset.read, index))
                if len(ahead) > 2 * workers:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()


@dataclass(frozen=True)
class Failure:
    """A DataError on its way from a worker: torch would bury its message in a traceback."""

    message: str


@dataclass(frozen=True)
class Seen:
    """A view, and what does not change with it: id, texts and kinds of columns of its sample.

    Tags are a row of 0 and 1, empty where none are wanted.
    """

    id: str
    viewed: Viewed
    tags: Tensor
    texts: Mapping[str, tuple[str, ...]]
    kinds: Mapping[str, Kind]


_Annotated = Callable[[Sample, int], tuple[Sample, Tensor]]
"""The sample with only what a method may see of it, and its row of tags, from the sample and the number of classes."""


class Views(TorchDataset["Seen | Failure"]):
    """The view of a sample at a position, annotated as `annotated` says."""

    def __init__(self, dataset: Dataset, augment: Augment, seed: int, annotated: _Annotated) -> None:
        self.dataset = dataset
        self.augment = augment
        self.seed = seed
        self.annotated = annotated

    def __getitem__(self, item: tuple[int, int]) -> Seen | Failure:
        index, position = item
        try:
            sample, tags = self.annotated(self.dataset.read(index), len(self.dataset.classes))
            viewed = view(sample, self.augment, augmentation_rng(self.seed, position))
            if viewed.labels is not None:
                _check_labels(sample.id, viewed.labels, len(self.dataset.classes))
        except DataError as error:
            return Failure(str(error))
        except OSError as error:
            return Failure(f"sample {self.dataset.ids[index]!r} cannot be read: {error}")
        return Seen(sample.id, viewed, tags, sample.texts, sample.kinds)


class Batches(DataLoader[Any]):
    """A DataLoader whose errors say what happened to whom."""

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        batches = super().__iter__()
        while True:
            try:
                batch = next(batches)
            except RuntimeError as error:
                if "worker" in str(error) and ("exited unexpectedly" in str(error) or "killed" in str(error)):
                    raise DataError(
                        f"a loading worker died ({error}); most often memory ran out: lower the number of workers, "
                        "the crop or the cache, or load with 0 workers to see the cause"
                    ) from error
                raise
            if isinstance(batch, Failure):
                raise DataError(batch.message)
            yield batch


def _begin_worker(worker: int) -> None:
    """Signals to a whole group, such as Ctrl-C, are for the first process to answer; it still wants its batches."""
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform != "win32":
        os.setpgrp()


def with_labels(sample: Sample, classes: int) -> tuple[Sample, Tensor]:
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


def _with_tags(sample: Sample, classes: int) -> tuple[Sample, Tensor]:
    if sample.tags is None:
        raise DataError(
            f"sample {sample.id!r} has no tags; this method learns from tags: say where they are with "
            "`seglet data check DIR --tags FILE`, or choose a tagged split"
        )
    if not set(sample.tags) <= set(range(classes)):
        raise DataError(f"sample {sample.id!r} has tags {sample.tags}, but classes are 0 to {classes - 1}")
    return replace(sample, labels=None), tag_vector(sample.tags, classes)


def _collate(
    annotate: Callable[[Sequence[Any]], Labelled | Tagged | SemiStep], items: Sequence[Any]
) -> Labelled | Tagged | SemiStep | Failure:
    failed = next((item for item in items if isinstance(item, Failure)), None)
    return failed or annotate(items)


def without_annotation(sample: Sample, classes: int) -> tuple[Sample, Tensor]:
    """The image and its columns alone, whatever else is known of it."""
    return replace(sample, labels=None, tags=None), torch.empty(0)


def labelled_batch(items: Sequence[Seen]) -> Labelled:
    """Views with masks as one step."""
    views = [item.viewed for item in items]
    labels = torch.from_numpy(np.stack([v.labels for v in views if v.labels is not None])).long()
    return Labelled(
        ids=ids_of(items),
        images=images_of(views),
        target=Target(labels, torch.ones(labels.shape)),
        crop=crops(views),
        columns=columns_of(items),
        texts=texts_of(items),
    )


def _tagged(items: Sequence[Seen]) -> Tagged:
    views = [item.viewed for item in items]
    tags = torch.stack([item.tags for item in items])
    return Tagged(ids_of(items), images_of(views), tags, crops(views), columns_of(items), texts_of(items))


def ids_of(items: Sequence[Seen]) -> tuple[str, ...]:
    """Of the samples."""
    return tuple(item.id for item in items)


def images_of(views: Sequence[Viewed]) -> Float[Tensor, "b 3 h w"]:
    """Side by side."""
    return torch.stack([v.image for v in views])


def columns_of(items: Sequence[Seen]) -> dict[str, Tensor]:
    """Of the samples; sequences are padded with zeros to the longest; the lengths go beside them."""
    columns: dict[str, Tensor] = {}
    for name in items[0].viewed.columns:
        values = [item.viewed.columns[name] for item in items]
        if items[0].kinds.get(name) == "sequence":
            columns[name] = pad_sequence(values, batch_first=True)
            columns[name + LENGTH] = torch.tensor([len(value) for value in values])
        else:
            columns[name] = torch.stack(values)
    return columns


def texts_of(items: Sequence[Seen]) -> dict[str, tuple[tuple[str, ...], ...]]:
    """Columns of text of the samples."""
    return {name: tuple(item.texts[name] for item in items) for name in items[0].texts}


def crops(views: Sequence[Viewed]) -> Crop:
    """Where these views were taken, as one record."""
    boxes = torch.tensor([v.box for v in views], dtype=torch.float32)
    return Crop(boxes, torch.tensor([v.flipped for v in views]))
