"""The same work on many things, in processes of one thread each."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")


def map_in_processes(
    work: Callable[[_Task], _Result], tasks: Sequence[_Task], jobs: int
) -> Iterator[tuple[int, _Result]]:
    """The place of each task and what came of it, as it comes. One job works in this process, in order.

    `work` and tasks have to be picklable. When the caller stops, what was begun is finished, and nothing else.

    Raises:
        ValueError: a process died, as when memory runs out.
    """
    jobs = min(jobs, len(tasks))
    if jobs <= 1:
        yield from ((place, work(task)) for place, task in enumerate(tasks))
        return
    fresh = multiprocessing.get_context("spawn")  # torch has threads, which a fork does not survive
    pool = ProcessPoolExecutor(jobs, fresh, _begin)
    try:
        places: dict[Future[_Result], int] = {pool.submit(work, task): place for place, task in enumerate(tasks)}
        for future in as_completed(places):
            yield places.pop(future), future.result()
    except BrokenProcessPool as error:
        raise ValueError("a process died, most often because memory ran out; lower --jobs and go on") from error
    finally:
        pool.shutdown(cancel_futures=True)


def processor_count() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _begin() -> None:
    """Signals to a whole group, such as Ctrl-C, are for the first process to answer; without it there is no work."""
    import torch

    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
