"""Loaders of training steps and of samples to score; both give the same with any number of workers."""

import os
import signal
import sys
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import count, islice
from typing import Any

import torch
from torch.utils.data import DataLoader, get_worker_info
from torch.utils.data import Dataset as TorchDataset

from seglet.data.augment.geometry import Augmentation
from seglet.data.dataset import Dataset, Sample
from seglet.data.errors import DataError
from seglet.data.loading.collation import labelled_batch, tagged_batch
from seglet.data.loading.sample_views import LoadingFailure, SampleViews, require_labels, require_tags
from seglet.data.loading.shared_memory import PREFETCHED, fitting_workers, is_full, share_batch
from seglet.data.loading.step_sampler import StepSampler
from seglet.types import Labelled, SemiStep, Tagged

_LONGEST_WAIT = 600
"""Seconds to wait for a batch of the workers."""

CollateViews = Callable[[Sequence[Any]], Labelled | Tagged | SemiStep]


def labelled_loader(
    dataset: Dataset, augment: Augmentation, sampler: StepSampler, workers: int = 0
) -> DataLoader[Labelled]:
    """Returns endless batches of random views with their masks, in the order of `sampler`.

    Views depend on the sampler's seed and the position alone, not on `workers`; the global generators are untouched.

    Raises:
        ValueError: the sampler was made for a data set of another size.
        DataError: while iterating: a sample cannot be read, has no mask, or has a label that is no class.
    """
    check_sampler_size(sampler, dataset)
    views = SampleViews(dataset, augment, sampler.seed, require_labels)
    return endless_batches(views, sampler, workers, labelled_batch)


def tagged_loader(
    dataset: Dataset, augment: Augmentation, sampler: StepSampler, workers: int = 0
) -> DataLoader[Tagged]:
    """Returns endless batches of the views that `labelled_loader` would take, with tags in place of masks.

    Tags are those of the whole image, whatever part of it the view shows.

    Raises:
        ValueError: the sampler was made for a data set of another size.
        DataError: while iterating: a sample cannot be read, has no tags, or has a tag that is no class.
    """
    check_sampler_size(sampler, dataset)
    views = SampleViews(dataset, augment, sampler.seed, require_tags)
    return endless_batches(views, sampler, workers, partial(tagged_batch, num_classes=len(dataset.classes)))


def check_sampler_size(sampler: StepSampler, dataset: Dataset) -> None:
    """Checks that the sampler counts as many samples as there are.

    Raises:
        ValueError: it was made for a data set of another size.
    """
    if sampler.size != len(dataset):
        raise ValueError(f"the sampler counts {sampler.size} samples but the data set has {len(dataset)}")


def endless_batches(
    views: TorchDataset[Any], sampler: Iterable[list[Any]], workers: int, collate: CollateViews
) -> DataLoader[Any]:
    """Returns a loader of the batches of `views` that `sampler` lists, without end.

    Workers for which shared memory has no room are left out, with a warning. If they cannot deliver later, the process
    loads the following batches itself, with a warning; they are the same.

    Raises:
        DataError: while iterating: a view is a `LoadingFailure`, or a worker died.
    """
    join = partial(_collate, collate)
    workers, scarce = fitting_workers(workers, lambda: join([views[item] for item in next(iter(sampler))]))
    if scarce:
        warnings.warn(scarce, stacklevel=3)
    return _EndlessLoader(
        views,
        batch_sampler=sampler,
        num_workers=workers,
        collate_fn=join,
        worker_init_fn=_begin_worker,
        persistent_workers=workers > 0,
        prefetch_factor=PREFETCHED if workers else None,
        timeout=_LONGEST_WAIT if workers else 0,
        pin_memory=torch.cuda.is_available(),
        generator=torch.Generator(),  # else each iteration would draw from the global one
    )


def evaluation_samples(dataset: Dataset, rank: int = 0, world: int = 1, workers: int = 0) -> Iterator[Sample]:
    """Yields every `world`-th sample from `rank` on, in order; all ranks together take each sample exactly once.

    `workers` threads read ahead; decoding images releases Python's lock.
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
class _NoRoom:
    """Stands for a batch that a worker could not put into shared memory."""

    reason: str


class _EndlessLoader(DataLoader[Any]):
    """A DataLoader that raises the DataErrors of its workers, explains their deaths, and goes on without them."""

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        for number in count():
            batch = self._next_of_workers(number)
            if isinstance(batch, _NoRoom):
                self._iterator = None  # ends the workers
                warnings.warn(
                    f"loading workers cannot deliver ({batch.reason}); this process loads the images itself from here "
                    "on. Enlarge /dev/shm (docker run --shm-size=8g), or give --workers 0",
                    stacklevel=2,
                )
                yield from map(_sound, self._without_workers(number))
                return
            yield _sound(batch)

    def _next_of_workers(self, number: int) -> Any:
        """Returns the next batch, or `_NoRoom` if it does not come; the `number` 0 begins anew."""
        if number == 0:
            self._batches = super().__iter__()
        try:
            return next(self._batches)
        except RuntimeError as error:
            if is_full(error) or "timed out after" in str(error):
                return _NoRoom(str(error).splitlines()[0])
            if "worker" in str(error) and ("exited unexpectedly" in str(error) or "killed" in str(error)):
                raise DataError(
                    f"a loading worker died ({error}); most often memory ran out: lower the number of workers, "
                    "the crop or the cache, or load with 0 workers to see the cause"
                ) from error
            raise

    def _without_workers(self, start: int) -> Iterator[Any]:
        """Yields the batches from `start` on, loaded in this process."""
        for items in islice(iter(self.batch_sampler or ()), start, None):
            yield self.collate_fn([self.dataset[item] for item in items])


def _sound(batch: Any) -> Any:
    """Returns the batch.

    Raises:
        DataError: a view of it could not be made.
    """
    if isinstance(batch, LoadingFailure):
        raise DataError(batch.message)
    return batch


def _begin_worker(worker: int) -> None:
    """Makes a worker ignore signals to the whole process group, such as Ctrl-C.

    The main process answers them, and needs further batches until it has.
    """
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform != "win32":
        os.setpgrp()


def _collate(collate: CollateViews, items: Sequence[Any]) -> Labelled | Tagged | SemiStep | LoadingFailure | _NoRoom:
    failed = next((item for item in items if isinstance(item, LoadingFailure)), None)
    if failed:
        return failed
    batch = collate(items)
    if get_worker_info() is not None:
        try:
            share_batch(batch)
        except RuntimeError as error:
            return _NoRoom(str(error).splitlines()[0])
    return batch
