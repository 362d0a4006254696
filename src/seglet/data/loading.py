"""From data sets to batches, the same with any number of workers."""

import os
import signal
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from seglet.data.dataset import Dataset, Sample
from seglet.data.errors import DataError
from seglet.data.sampling import StepSampler, augmentation_rng
from seglet.data.views import Augment, Viewed, view
from seglet.types import IGNORE, Crop, Labelled, Target


def labelled_loader(dataset: Dataset, augment: Augment, sampler: StepSampler, workers: int = 0) -> DataLoader[Labelled]:
    """Endless batches of random views with their masks, as `sampler` orders them.

    Views depend on the sampler's seed and the position alone, not on `workers`, and the global generators are left
    untouched.

    Raises:
        ValueError: the sampler was made for a data set of another size.
        DataError: while iterating: a sample is unreadable, has no mask, or holds a label that is no class.
    """
    if sampler.size != len(dataset):
        raise ValueError(f"the sampler counts {sampler.size} samples but the data set has {len(dataset)}")
    return _Loader(
        _Views(dataset, augment, sampler.seed),
        batch_sampler=sampler,
        num_workers=workers,
        collate_fn=_collate,
        worker_init_fn=_begin_worker,
        persistent_workers=workers > 0,
        pin_memory=torch.cuda.is_available(),
        generator=torch.Generator(),  # else each iteration would draw from the global one
    )


def evaluation_samples(dataset: Dataset, rank: int = 0, world: int = 1, workers: int = 0) -> Iterator[Sample]:
    """Every `world`-th sample from `rank` on, in order: over all ranks each exactly once, unequal shares and all.

    `workers` threads read ahead; decoding pictures does not hold Python's lock.
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
class _Failure:
    """A DataError on its way from a worker: torch would bury its message in a traceback."""

    message: str


class _Views(TorchDataset[tuple[str, Viewed] | _Failure]):
    def __init__(self, dataset: Dataset, augment: Augment, seed: int) -> None:
        self.dataset = dataset
        self.augment = augment
        self.seed = seed

    def __getitem__(self, item: tuple[int, int]) -> tuple[str, Viewed] | _Failure:
        index, position = item
        try:
            sample = self.dataset.read(index)
            viewed = view(sample, self.augment, augmentation_rng(self.seed, position))
            _check_labels(sample.id, viewed.labels, len(self.dataset.classes))
        except DataError as error:
            return _Failure(str(error))
        except OSError as error:
            return _Failure(f"sample {self.dataset.ids[index]!r} cannot be read: {error}")
        return sample.id, viewed


class _Loader(DataLoader[Any]):
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
            if isinstance(batch, _Failure):
                raise DataError(batch.message)
            yield batch


def _begin_worker(worker: int) -> None:
    """Signals to a whole group, such as Ctrl-C, are for the first process to answer; it still wants its batches."""
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform != "win32":
        os.setpgrp()


def _check_labels(name: str, labels: np.ndarray | None, classes: int) -> None:
    if labels is None:
        raise DataError(f"sample {name!r} has no mask; this method learns from masks, choose a labelled split")
    wrong = (labels >= classes) & (labels != IGNORE)
    if wrong.any():
        raise DataError(
            f"the mask of sample {name!r} holds label {int(labels[wrong][0])}, but classes are 0 to {classes - 1} "
            f"and {IGNORE} is void; `seglet data check` lists all such masks"
        )


def _collate(items: Sequence[tuple[str, Viewed] | _Failure]) -> Labelled | _Failure:
    views: list[Viewed] = []
    ids: list[str] = []
    for item in items:
        if isinstance(item, _Failure):
            return item
        ids.append(item[0])
        views.append(item[1])
    labels = torch.from_numpy(np.stack([v.labels for v in views if v.labels is not None])).long()
    return Labelled(
        ids=tuple(ids),
        images=torch.stack([v.image for v in views]),
        target=Target(labels, torch.ones(labels.shape)),
        crop=crops(views),
        columns={name: torch.stack([v.columns[name] for v in views]) for name in views[0].columns},
    )


def crops(views: Sequence[Viewed]) -> Crop:
    """Where these views were taken, as one record."""
    boxes = torch.tensor([v.box for v in views], dtype=torch.float32)
    return Crop(boxes, torch.tensor([v.flipped for v in views]))
