"""From data sets to batches, the same with any number of workers."""

import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

import torch
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from seglet.data.augment.geometry import Augment
from seglet.data.dataset import Dataset, Sample
from seglet.data.errors import DataError
from seglet.data.loading.collation import labelled_batch, tagged_batch
from seglet.data.loading.step_sampler import StepSampler
from seglet.data.loading.views import LoadingFailure, SampleViews, Seen, require_labels, require_tags
from seglet.types import Labelled, SemiStep, Tagged


def labelled_loader(dataset: Dataset, augment: Augment, sampler: StepSampler, workers: int = 0) -> DataLoader[Labelled]:
    """Endless batches of random views with their masks, as `sampler` orders them.

    Views depend on the sampler's seed and the position alone, not on `workers`, and the global generators are left
    untouched.

    Raises:
        ValueError: the sampler was made for a data set of another size.
        DataError: while iterating: a sample is unreadable, has no mask, or holds a label that is no class.
    """
    return _loader(SampleViews(dataset, augment, sampler.seed, require_labels), sampler, workers, labelled_batch)


def tagged_loader(dataset: Dataset, augment: Augment, sampler: StepSampler, workers: int = 0) -> DataLoader[Tagged]:
    """Endless batches of the views that `labelled_loader` would take, with the tags of the whole images.

    Tags are those of the whole image whatever the view shows of it. Masks, where there are any, are not part of it.

    Raises:
        ValueError: the sampler was made for a data set of another size.
        DataError: while iterating: a sample is unreadable, has no tags, or a tag that is no class.
    """
    return _loader(SampleViews(dataset, augment, sampler.seed, require_tags), sampler, workers, tagged_batch)


def _loader(
    views: "SampleViews", sampler: StepSampler, workers: int, collate: Callable[[Sequence["Seen"]], Labelled | Tagged]
) -> DataLoader[Any]:
    check_sampler_size(sampler, views.dataset)
    return endless_batches(views, sampler, workers, collate)


def check_sampler_size(sampler: StepSampler, dataset: Dataset) -> None:
    """
    Raises:
        ValueError: the sampler was made for a data set of another size.
    """
    if sampler.size != len(dataset):
        raise ValueError(f"the sampler counts {sampler.size} samples but the data set has {len(dataset)}")


def endless_batches(
    views: TorchDataset[Any],
    sampler: Iterable[list[Any]],
    workers: int,
    collate: Callable[[Sequence[Any]], Labelled | Tagged | SemiStep],
) -> DataLoader[Any]:
    """What `sampler` lists of `views`, without end; errors that a view gives back as a `Failure` are raised."""
    return _EndlessLoader(
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


class _EndlessLoader(DataLoader[Any]):
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
            if isinstance(batch, LoadingFailure):
                raise DataError(batch.message)
            yield batch


def _begin_worker(worker: int) -> None:
    """Signals to a whole group, such as Ctrl-C, are for the first process to answer; it still wants its batches."""
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform != "win32":
        os.setpgrp()


def _collate(
    annotate: Callable[[Sequence[Any]], Labelled | Tagged | SemiStep], items: Sequence[Any]
) -> Labelled | Tagged | SemiStep | LoadingFailure:
    failed = next((item for item in items if isinstance(item, LoadingFailure)), None)
    return failed or annotate(items)
