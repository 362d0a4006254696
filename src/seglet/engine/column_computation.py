"""Computation of a column's values for batches of images, whatever process does it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from seglet.data.columns.columned_dataset import ColumnedDataset
from seglet.data.columns.kinds import STORED_DTYPES, ColumnKind, ColumnValue, checked_value
from seglet.data.columns.producer import ColumnProducer, ComputeColumn
from seglet.data.dataset import Dataset, Sample

_FAILURES = (ValueError, OSError, RuntimeError, MemoryError, ArithmeticError, LookupError)
"""Exceptions of a producer that only fail its image; torch reports exhausted memory as RuntimeError."""


@dataclass(frozen=True)
class MissingValue:
    """An image whose value is missing, and the address that the value will have."""

    index: int
    id: str
    address: str


@dataclass
class ComputedBatch:
    """The values of a batch by address, the reasons of failed images by id, and the ids of addresses."""

    values: dict[str, ColumnValue] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)


ReadValue = tuple[MissingValue, "Sample | str"]
"""A missing value with its sample, or with the reason why that cannot be read."""


class ColumnComputation:
    """A loaded producer of a column."""

    def __init__(self, producer: ColumnProducer, device: torch.device) -> None:
        self.maker, self.kind = producer.maker, producer.kind
        self.compute: ComputeColumn = producer.load(device)

    def batch(self, batch: Sequence[ReadValue]) -> ComputedBatch:
        """Returns the values of a batch; an image that fails does not fail the others."""
        made = ComputedBatch(names={one.address: one.id for one, _ in batch})
        made.failed |= {one.id: read for one, read in batch if isinstance(read, str)}
        readable = [(one, read) for one, read in batch if isinstance(read, Sample)]
        if readable:
            with torch.inference_mode():
                self._compute(readable, made)
        return made

    def _compute(self, batch: Sequence[tuple[MissingValue, Sample]], made: ComputedBatch) -> None:
        try:
            values = self.compute([sample for _, sample in batch])
            if len(values) != len(batch):
                raise ValueError(f"{self.maker} gave {len(values)} values for {len(batch)} images")
            checked = [checked_value(value, self.kind) for value in values]
        except _FAILURES as error:
            if len(batch) > 1:  # find the image at fault; half a batch may also fit into memory
                half = len(batch) // 2
                self._compute(batch[:half], made)
                self._compute(batch[half:], made)
            else:
                made.failed[batch[0][0].id] = str(error) or type(error).__name__
        else:
            made.values |= {one.address: value for (one, _), value in zip(batch, checked, strict=True)}


@dataclass(frozen=True)
class ColumnActor:
    """The work of an actor on a column; called, it loads the producer.

    Args:
        data: the images, with the columns that the producer reads.
        producer: computes the column.
        device: name of the device to compute on.
    """

    data: ColumnedDataset
    producer: ColumnProducer
    device: str

    def __call__(self) -> Callable[[Sequence[MissingValue]], ComputedBatch]:
        """Returns the function that reads and computes a batch."""
        computation = ColumnComputation(self.producer, torch.device(self.device))
        return lambda batch: computation.batch([(one, read_or_reason(self.data, one.index)) for one in batch])


def lost_batch(batch: Sequence[MissingValue], reason: str) -> ComputedBatch:
    """Returns the outcome of a batch that no actor survives."""
    return ComputedBatch(failed={one.id: reason for one in batch})


def read_or_reason(data: Dataset, index: int) -> "Sample | str":
    """Returns a sample, or the reason why it cannot be read."""
    try:
        return data.read(index)
    except (ValueError, OSError, MemoryError) as error:
        return str(error) or "memory ran out"


def stored_form(kind: ColumnKind, dtype: str, shape: tuple[int, ...]) -> tuple[Any, ...]:
    """Returns dtype and fixed axes of a value, which all values of a column share so that they can be batched."""
    own = {"image": 2, "sequence": 1}.get(kind, 0)
    return () if kind == "text" else (dtype, len(shape), *shape[own:])


def common_form(value: ColumnValue, kind: ColumnKind, form: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
    """Returns the form of a value, which is that of the others if they have one (not None).

    Raises:
        ValueError: it is another.
    """
    if not isinstance(value, np.ndarray):
        return form
    names = {dtype: name for name, dtype in STORED_DTYPES.items()}
    own = stored_form(kind, names[value.dtype.type], value.shape)
    if form is not None and own != form:
        raise ValueError(f"its value is {own}, those of others {form}; to be batched all must be alike")
    return own
