"""Computation of missing column values: in batches, shared among processes, never repeated once written."""

import shutil
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from seglet.actors import ActorPool
from seglet.data.columns.columned_dataset import ColumnedDataset, value_address
from seglet.data.columns.kinds import ColumnValue
from seglet.data.columns.store import ColumnStore
from seglet.data.dataset import Dataset, Sample
from seglet.data.errors import DataError
from seglet.engine.column_computation import (
    ColumnActor,
    ColumnComputation,
    ComputedBatch,
    MissingValue,
    ReadValue,
    common_form,
    lost_batch,
    read_or_reason,
    stored_form,
)
from seglet.engine.columns import OfflineColumn, datasets_with_columns
from seglet.engine.console import ProgressDisplay, format_duration
from seglet.engine.experiment import Experiment
from seglet.engine.phase_cost import noted_cost

_SHARD_BYTES, _SHARD_VALUES, _SHARD_SECONDS = 32 * 2**20, 1024, 60.0
"""A shard is written as soon as it reaches one of these limits; at most this much is lost if the process is killed."""

_OVERHEAD = 150
"""Bytes that a shard needs per value beside the value."""

_HOPELESS = 16
"""Number of failures without a success after which preparation stops: the fault is not that of single images."""

_READERS = 2


@dataclass(frozen=True)
class PrepareOptions:
    """Options of the computation: process `rank` of `world` takes every `world`-th image, and `dry` only measures.

    With a `pool`, its actors compute, on devices of their own, and this process writes what they return.
    """

    device: torch.device
    batch: int = 8
    rank: int = 0
    world: int = 1
    dry: bool = False
    pool: ActorPool | None = None


@dataclass
class ColumnOutcome:
    """Result of one process's share of a column; `failed` has the reasons by image id."""

    name: str
    images: int
    made: int = 0
    failed: dict[str, str] = field(default_factory=dict)


def prepare_experiment(
    experiment: Experiment, work: PrepareOptions, note: Callable[[str], None]
) -> list[ColumnOutcome]:
    """Computes all missing column values of an experiment; nothing for a method without columns.

    Raises:
        DataError: the data are not sound, a folder cannot be written or the disk is too small.
        ValueError: nothing can be computed at all.
    """
    return [
        outcome
        for data, wanted in datasets_with_columns(experiment, fetch=True)
        for outcome in prepare_columns(data, wanted, work, note)
    ]


def prepare_columns(
    data: Dataset, wanted: Sequence[OfflineColumn], work: PrepareOptions, note: Callable[[str], None]
) -> list[ColumnOutcome]:
    """Completes the columns of a data set, in order; `note` gets lines about what exists and what the rest costs.

    Raises:
        DataError: a folder cannot be written or the disk is too small; what was finished stays.
        ValueError: nothing can be computed at all.
    """
    done: dict[str, ColumnStore] = {}
    outcomes = []
    for column in wanted:
        sources = [done[name] for name in column.producer.sources]
        outcomes.append(_Job(data, column, sources, work, note).run())
        done[column.name] = column.store
    return outcomes


class _Job:
    """One process's share of one column."""

    def __init__(
        self,
        data: Dataset,
        column: OfflineColumn,
        sources: Sequence[ColumnStore],
        work: PrepareOptions,
        note: Callable[[str], None],
    ) -> None:
        self.data = data
        self.producer, self.store = column.producer, column.store
        self.sources = sources
        self.work = work
        self.note = note
        self.share = range(work.rank, len(data), work.world)
        self.outcome = ColumnOutcome(column.name, len(self.share))
        self.form: tuple[Any, ...] | None = None

    def run(self) -> ColumnOutcome:
        for name in [] if self.work.dry else self.store.begin():
            self.note(f"{self.outcome.name}: {name} was damaged and is made again")
        due = self._due()
        if not due:
            size = format_bytes(self.store.bytes())
            self.note(f"{self.outcome.name}: all {len(self.share)} images are there, {size} in {self.store.folder}")
            return self.outcome
        if self.work.dry:
            self._measure(due)
        elif self.work.pool is not None:
            self._fill(self._made_by_actors(self.work.pool, due), due)
        else:
            with noted_cost(self.store.folder, self.work.device, self.work.rank):
                self._fill(self._made_here(due), due)
        return self.outcome

    def _due(self) -> list[MissingValue]:
        """Lists the missing values; images of the same content share one."""
        places = self.store.contents().locations
        if places:
            place = next(iter(places.values()))
            self.form = stored_form(self.store.recipe.kind, place.dtype, place.shape)
        found: dict[str, MissingValue] = {}
        for index in self.share:
            where = value_address(self.data, index, self.store)
            if where not in places:
                found.setdefault(where, MissingValue(index, self.data.ids[index], where))
        return list(found.values())

    def _measure(self, due: Sequence[MissingValue]) -> None:
        lacking = ColumnedDataset(self.data, self.sources).missing()
        if lacking:
            waits = ", ".join(map(repr, lacking))
            self.note(f"{self.outcome.name}: {len(due)} of {len(self.share)} images to make, once {waits} is there")
            return
        made = self._made_here(due[: self.work.batch])
        begin = time.perf_counter()
        values = self._take(next(made))
        self._estimate(values, time.perf_counter() - begin, due)

    def _fill(self, made: Iterator[ComputedBatch], due: Sequence[MissingValue]) -> None:
        writer, begin, done = _Writer(self.store), time.perf_counter(), 0
        title = f"prepare {self.outcome.name}"
        try:
            with ProgressDisplay(title, len(due), "images", active=self.work.rank == 0) as steps:
                for batch in made:
                    values = self._take(batch)
                    if not done:
                        self._estimate(values, time.perf_counter() - begin, due)
                    writer.add(values)
                    done = min(done + self.work.batch, len(due))
                    self._give_up()
                    steps.advance(done)
        finally:
            writer.flush()  # what was computed is kept, also after an interruption

    def _groups(self, due: Sequence[MissingValue]) -> list[Sequence[MissingValue]]:
        return [due[begin : begin + self.work.batch] for begin in range(0, len(due), self.work.batch)]

    def _made_here(self, due: Sequence[MissingValue]) -> Iterator[ComputedBatch]:
        computation = ColumnComputation(self.producer, self.work.device)
        yield from map(computation.batch, self._batches(due))

    def _made_by_actors(self, pool: ActorPool, due: Sequence[MissingValue]) -> Iterator[ComputedBatch]:
        """Yields what actors make of the same batches, in the same order, so that the shards are the same too."""
        begin = ColumnActor(ColumnedDataset(self.data, self.sources), self.producer, pool.device)
        yield from pool.map(begin, self._groups(due), 1, lost_batch, self.note)

    def _batches(self, due: Sequence[MissingValue]) -> Iterator[list[ReadValue]]:
        """Yields batches of images, or of reasons why they cannot be read; threads read ahead."""
        data = ColumnedDataset(self.data, self.sources)
        groups = self._groups(due)
        with ThreadPoolExecutor(_READERS) as pool:
            ahead: deque[list[tuple[MissingValue, Future[Sample | str]]]] = deque()
            for place in range(len(groups) + 1):
                if place < len(groups):
                    ahead.append([(one, pool.submit(read_or_reason, data, one.index)) for one in groups[place]])
                if len(ahead) > 1 or place == len(groups):
                    yield [(one, future.result()) for one, future in ahead.popleft()]

    def _take(self, made: ComputedBatch) -> dict[str, ColumnValue]:
        """Returns the values of a batch that are like those of other images; failures go into the outcome."""
        self.outcome.failed |= made.failed
        taken = {}
        for address, value in made.values.items():
            try:
                self.form = common_form(value, self.store.recipe.kind, self.form)
                taken[address] = value
            except ValueError as error:
                self.outcome.failed[made.names[address]] = str(error)
        self.outcome.made += len(taken)
        return taken

    def _give_up(self) -> None:
        failed = self.outcome.failed
        if not self.outcome.made and len(failed) >= _HOPELESS:
            name, reason = list(failed.items())[-1]
            raise ValueError(
                f"column {self.outcome.name!r}: the first {len(failed)} images all failed, {name!r} with: {reason}"
            )

    def _estimate(self, values: dict[str, ColumnValue], seconds: float, due: Sequence[MissingValue]) -> None:
        tried = min(self.work.batch, len(due))
        size = _OVERHEAD + sum(map(_bytes, values.values())) / max(len(values), 1)
        free = shutil.disk_usage(_existing(self.store.root)).free
        needed, room = format_bytes(size * len(due)), format_bytes(free)
        self.note(
            f"{self.outcome.name}: {len(due)} of {len(self.share)} images to make, about "
            f"{format_duration(seconds / tried * len(due))} and {needed} ({format_bytes(size)} each) "
            f"in {self.store.folder}, where {room} are free"
        )
        if size * len(due) > free:
            raise DataError(
                f"column {self.outcome.name!r} needs about {needed}, but {room} are free in "
                f"{str(self.store.root)!r}; free space, or choose another folder with --columns DIR"
            )


class _Writer:
    """Collects values and writes them in shards."""

    def __init__(self, store: ColumnStore) -> None:
        self.store = store
        self.values: dict[str, ColumnValue] = {}
        self.size = 0
        self.since = time.monotonic()

    def add(self, values: dict[str, ColumnValue]) -> None:
        self.values |= values
        self.size += sum(map(_bytes, values.values()))
        late = time.monotonic() - self.since > _SHARD_SECONDS
        if self.size >= _SHARD_BYTES or len(self.values) >= _SHARD_VALUES or late:
            self.flush()

    def flush(self) -> None:
        values, self.values, self.size, self.since = self.values, {}, 0, time.monotonic()
        self.store.write(values)


def format_bytes(size: float) -> str:
    """Returns a number of bytes as text: 12 KiB, 3.4 GiB."""
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.3g} {unit}"
        size /= 1024
    return f"{size:.4g} GiB"


def _bytes(value: ColumnValue) -> int:
    return value.nbytes if isinstance(value, np.ndarray) else sum(len(text.encode()) for text in value)


def _existing(folder: Path) -> Path:
    return next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
