"""Shared memory of loading workers: how much their batches need, how much there is, and which workers fit.

On Linux workers pass batches through files in /dev/shm, which Docker limits to 64 MB unless it is told otherwise. A
worker that finds it full, or may open no more files, would lose its batch, and training would wait for it for ever.
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


_PLENTY_FILES = 1024
"""Files that a process may open above which no batch is measured."""

_OTHER_FILES = 16
"""Files that are opened beside those of workers: images, checkpoints, modules."""

_WORKERS_FILES = 4
"""Files of a worker in the process that started it: its queue and its end."""


def open_file_limit() -> int | None:
    """Returns how many files this process may open, once it has allowed itself as many as it may; None if unlimited."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < _PLENTY_FILES and soft != hard:
        soft = _PLENTY_FILES if hard == resource.RLIM_INFINITY else min(hard, _PLENTY_FILES)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return None if soft == resource.RLIM_INFINITY else soft


def open_files() -> int:
    """Returns how many files this process has open."""
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.is_dir() else _OTHER_FILES


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

    The warning is empty if all have room. The first batch is only made where shared memory, or the number of files that
    may be open, is scarce. Results are the same with any number of workers.
    """
    fitting, warning = _workers_with_files(workers, first_batch)
    return (fitting, warning) if warning else _workers_with_memory(workers, first_batch)


def _workers_with_files(workers: int, first_batch: Callable[[], Any]) -> tuple[int, str]:
    limit = open_file_limit() if workers else None
    if limit is None or limit >= _PLENTY_FILES:
        return workers, ""
    tensors = sum(1 for _ in tensors_in(first_batch()))
    batches = 2 * tensors * (PREFETCHED + _IN_USE)  # a worker has each open twice while it hands it on
    fixed = open_files() + _OTHER_FILES + batches
    fitting = max(0, (limit - fixed) // _WORKERS_FILES)
    if fitting >= workers:
        return workers, ""
    needed = fixed + _WORKERS_FILES * workers
    return fitting, (
        f"{limit} files may be open (ulimit -n), and {workers} loading workers need {needed}: {fitting} are used. For "
        f"all of them allow more (ulimit -n {_PLENTY_FILES}); --workers {fitting} gives the same without this warning"
    )


def _workers_with_memory(workers: int, first_batch: Callable[[], Any]) -> tuple[int, str]:
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
