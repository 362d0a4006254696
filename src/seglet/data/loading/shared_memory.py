"""Shared memory of loading workers: how much their batches need, how much there is, and which workers fit.

On Linux workers pass batches through files in /dev/shm, which Docker limits to 64 MB unless it is told otherwise. A
worker that finds it full would lose its batch, and training would wait for it for ever.
"""

import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

FOLDER = Path("/dev/shm")
PREFETCHED = 2
"""Batches that each worker keeps ready."""

_PLENTY = 16 * 2**30
"""Free bytes above which no batch is measured."""

_SPARE = 0.9
"""Share of the free memory that batches may fill; others use it too."""

_IN_USE = 2
"""Further batches that are in use while workers go on: that of the step, and the next one."""


def free_shared_memory() -> int | None:
    """Returns the free bytes that workers' batches can use, or None where they do not go through a file system."""
    if not sys.platform.startswith("linux") or not FOLDER.is_dir():
        return None
    return shutil.disk_usage(FOLDER).free


def tensors_in(value: Any) -> Iterator[Tensor]:
    """Yields the tensors of a batch: of its fields, dictionaries and sequences, at any depth."""
    if isinstance(value, Tensor):
        yield value
    elif is_dataclass(value):
        for each in fields(value):
            yield from tensors_in(getattr(value, each.name))
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from tensors_in(item)
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
        for item in value:
            yield from tensors_in(item)


def batch_bytes(batch: Any) -> int:
    """Returns the bytes of the tensors of a batch."""
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors_in(batch))


def share_batch(batch: Any) -> None:
    """Moves the tensors of a batch into shared memory now, where a failure can be told.

    Raises:
        RuntimeError: shared memory is full.
    """
    for tensor in tensors_in(batch):
        tensor.share_memory_()  # type: ignore[no-untyped-call]


def is_full(error: RuntimeError) -> bool:
    """True if the error, torch's own, says that shared memory is full."""
    text = str(error)
    return "shared memory" in text or "Bus error" in text


def fitting_workers(workers: int, first_batch: Callable[[], Any]) -> tuple[int, str]:
    """Returns as many of the workers as have room for their batches, 0 to load in the process itself, and a warning.

    The warning is empty if all have room. The first batch is only made where shared memory is scarce. Results are the
    same with any number of workers.
    """
    free = free_shared_memory()
    if workers == 0 or free is None or free >= _PLENTY:
        return workers, ""
    processes = torch.distributed.get_world_size() if _is_distributed() else 1
    size = max(1, batch_bytes(first_batch()))
    fitting = int((free * _SPARE / processes / size - _IN_USE) / PREFETCHED)
    if fitting >= workers:
        return workers, ""
    fitting = max(0, fitting)
    needed = processes * size * (PREFETCHED * workers + _IN_USE)
    return fitting, (
        f"{FOLDER} has {free / 2**20:.0f} MiB free, and {workers} loading workers need {needed / 2**20:.0f} MiB: "
        f"{fitting} are used. For all of them enlarge it (docker run --shm-size={_whole_gibibytes(needed)}g), or take "
        f"a smaller crop or batch; --workers {fitting} gives the same without this warning"
    )


def _is_distributed() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()


def _whole_gibibytes(size: int) -> int:
    return -(-size // 2**30)
