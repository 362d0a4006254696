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

from seglet.data.columns.columned_dataset import ColumnedDataset, value_address
from seglet.data.columns.kinds import STORED_DTYPES, ColumnValue, checked_value
from seglet.data.columns.producer import ComputeColumn
from seglet.data.columns.store import ColumnStore
from seglet.data.dataset import Dataset, Sample
from seglet.data.errors import DataError
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
_FAILURES = (ValueError, OSError, RuntimeError, MemoryError, ArithmeticError, LookupError)
"""Exceptions of a producer that only fail its image; torch reports exhausted memory as RuntimeError."""


@dataclass(frozen=True)
class PrepareOptions:
    """Options of the computation: process `rank` of `world` takes every `world`-th image, and `dry` only measures."""

    device: torch.device
    batch: int = 8
    rank: int = 0
    world: int = 1
    dry: bool = False


@dataclass
class ColumnOutcome:
    """Result of one process's share of a column; `failed` has the reasons by image id."""

    name: str
    images: int
    made: int = 0
    failed: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _MissingValue:
    """An image whose value is missing, and the address that the value will have."""

    index: int
    address: str


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
            self._measure(self.producer.load(self.work.device), due)
        else:
            with noted_cost(self.store.folder, self.work.device, self.work.rank):
                self._fill(self.producer.load(self.work.device), due)
        return self.outcome

    def _due(self) -> list[_MissingValue]:
        """Lists the missing values; images of the same content share one."""
        places = self.store.contents().locations
        if places:
            place = next(iter(places.values()))
            self.form = _value_form(self.store, place.dtype, place.shape)
        found: dict[str, _MissingValue] = {}
        for index in self.share:
            where = value_address(self.data, index, self.store)
            if where not in places:
                found.setdefault(where, _MissingValue(index, where))
        return list(found.values())

    def _measure(self, compute: ComputeColumn, due: Sequence[_MissingValue]) -> None:
        lacking = ColumnedDataset(self.data, self.sources).missing()
        if lacking:
            waits = ", ".join(map(repr, lacking))
            self.note(f"{self.outcome.name}: {len(due)} of {len(self.share)} images to make, once {waits} is there")
            return
        begin = time.perf_counter()
        values = self._values(compute, next(self._batches(due[: self.work.batch])))
        self._estimate(values, time.perf_counter() - begin, due)

    def _fill(self, compute: ComputeColumn, due: Sequence[_MissingValue]) -> None:
        writer, begin, done = _Writer(self.store), time.perf_counter(), 0
        title = f"prepare {self.outcome.name}"
        try:
            with ProgressDisplay(title, len(due), "images", active=self.work.rank == 0) as steps:
                for batch in self._batches(due):
                    values = self._values(compute, batch)
                    if not done:
                        self._estimate(values, time.perf_counter() - begin, due)
                    writer.add(values)
                    done += len(batch)
                    self.outcome.made += len(values)
                    self._give_up()
                    steps.advance(done)
        finally:
            writer.flush()  # what was computed is kept, also after an interruption

    def _batches(self, due: Sequence[_MissingValue]) -> Iterator[list[tuple[_MissingValue, "Sample | str"]]]:
        """Yields batches of images, or of reasons why they cannot be read; threads read ahead."""
        data, size = ColumnedDataset(self.data, self.sources), self.work.batch
        groups = [due[begin : begin + size] for begin in range(0, len(due), size)]
        with ThreadPoolExecutor(_READERS) as pool:
            ahead: deque[list[tuple[_MissingValue, Future[Sample | str]]]] = deque()
            for place in range(len(groups) + 1):
                if place < len(groups):
                    ahead.append([(one, pool.submit(_attempt, data, one.index)) for one in groups[place]])
                if len(ahead) > 1 or place == len(groups):
                    yield [(one, future.result()) for one, future in ahead.popleft()]

    def _values(
        self, compute: ComputeColumn, batch: Sequence[tuple[_MissingValue, "Sample | str"]]
    ) -> dict[str, ColumnValue]:
        """Computes the values of a batch by address; failures go into the outcome."""
        for one, read in batch:
            if isinstance(read, str):
                self._failed(self.data.ids[one.index], read)
        readable = [(one, read) for one, read in batch if isinstance(read, Sample)]
        with torch.inference_mode():
            return self._compute(compute, readable) if readable else {}

    def _compute(self, compute: ComputeColumn, batch: Sequence[tuple[_MissingValue, Sample]]) -> dict[str, ColumnValue]:
        try:
            values = compute([sample for _, sample in batch])
            if len(values) != len(batch):
                raise ValueError(f"{self.producer.maker} gave {len(values)} values for {len(batch)} images")
            return {one.address: self._checked(value) for (one, _), value in zip(batch, values, strict=True)}
        except _FAILURES as error:
            if len(batch) > 1:  # find the image at fault; half a batch may also fit into memory
                half = len(batch) // 2
                return {**self._compute(compute, batch[:half]), **self._compute(compute, batch[half:])}
            self._failed(batch[0][1].id, str(error) or type(error).__name__)
            return {}

    def _checked(self, given: object) -> ColumnValue:
        value = checked_value(given, self.store.recipe.kind)
        if isinstance(value, np.ndarray):
            names = {dtype: name for name, dtype in STORED_DTYPES.items()}
            own = _value_form(self.store, names[value.dtype.type], value.shape)
            self.form = self.form or own
            if own != self.form:
                raise ValueError(f"its value is {own}, those of others {self.form}; to be batched all must be alike")
        return value

    def _failed(self, name: str, reason: str) -> None:
        self.outcome.failed[name] = reason

    def _give_up(self) -> None:
        failed = self.outcome.failed
        if not self.outcome.made and len(failed) >= _HOPELESS:
            name, reason = list(failed.items())[-1]
            raise ValueError(
                f"column {self.outcome.name!r}: the first {len(failed)} images all failed, {name!r} with: {reason}"
            )

    def _estimate(self, values: dict[str, ColumnValue], seconds: float, due: Sequence[_MissingValue]) -> None:
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


def _value_form(store: ColumnStore, dtype: str, shape: tuple[int, ...]) -> tuple[Any, ...]:
    """Returns dtype and fixed axes of a value, which all values of a column share so that they can be batched."""
    own = {"image": 2, "sequence": 1}.get(store.recipe.kind, 0)
    return () if store.recipe.kind == "text" else (dtype, len(shape), *shape[own:])


def format_bytes(size: float) -> str:
    """Returns a number of bytes as text: 12 KiB, 3.4 GiB."""
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.3g} {unit}"
        size /= 1024
    return f"{size:.4g} GiB"


def _attempt(data: Dataset, index: int) -> "Sample | str":
    try:
        return data.read(index)
    except (ValueError, OSError, MemoryError) as error:
        return str(error) or "memory ran out"


def _bytes(value: ColumnValue) -> int:
    return value.nbytes if isinstance(value, np.ndarray) else sum(len(text.encode()) for text in value)


def _existing(folder: Path) -> Path:
    return next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
