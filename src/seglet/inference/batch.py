"""The same work on many files: in processes, without files that are finished, and whatever goes wrong with one."""

import contextlib
import hashlib
import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

from seglet.actors import ActorPool
from seglet.engine.console import ProgressDisplay
from seglet.files import delete_partial, file_sha256
from seglet.models.network import DivergedError


@runtime_checkable
class FileTask(Protocol):
    """The work on one file; picklable. `name` is unique in `out`, and the last of `results` is written last."""

    @property
    def name(self) -> str: ...
    @property
    def out(self) -> Path: ...
    @property
    def sources(self) -> tuple[Path, ...]: ...
    @property
    def results(self) -> tuple[Path, ...]: ...


JOURNAL = ".seglet-sources"
"""Name of the file in a folder of results that says what they were made of."""
SMALLER_VIEWS = "take windows of it (--window 512 512), or make it smaller (--resize 0.5)"
"""The cure where a network runs out of memory, with options of the commands that predict."""
SMALLER_IMAGES = "make it smaller (--resize 0.5)"
"""The cure for models that see whole images and take no windows."""
_ACTOR_BATCH = 4
"""Files that an actor takes at once."""
_AnyTask = TypeVar("_AnyTask", bound=FileTask)
_Input = TypeVar("_Input")
_Output = TypeVar("_Output")


@dataclass(frozen=True)
class TaskOutcome:
    """The result of a task, or the reason why there is none; `earlier` if an earlier call made it.

    `sources` is the hash of the files that it was made of.
    """

    name: str
    made: dict[str, Any]
    reason: str = ""
    earlier: bool = False
    sources: str = ""


class _Journal:
    """Notes in the folder of results of what each was made of: a line for each, by the name of its task."""

    def __init__(self) -> None:
        self._known: dict[Path, dict[str, str]] = {}

    def holds(self, task: FileTask) -> bool:
        """Returns True if all results of a task exist and were made of its sources as they are."""
        if not all(path.is_file() for path in task.results):
            return False
        if task.out not in self._known:
            self._known[task.out] = _read_journal(task.out / JOURNAL)
        return self._known[task.out].get(task.name) == _sources_hash(task)

    def note(self, task: FileTask, sources: str) -> None:
        with (task.out / JOURNAL).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"name": task.name, "sources": sources}) + "\n")


def _read_journal(file: Path) -> dict[str, str]:
    """Returns hashes by tasks; a line that an interruption cut, or somebody damaged, notes nothing."""
    found: dict[str, str] = {}
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines() if file.is_file() else []
    for line in lines:
        with contextlib.suppress(ValueError, KeyError, TypeError, RecursionError):
            one = json.loads(line)
            found[str(one["name"])] = str(one["sources"])
    return found


def _sources_hash(task: FileTask) -> str:
    hashes = [file_sha256(path) if path.is_file() else "none" for path in task.sources]
    return hashlib.sha256(" ".join(hashes).encode()).hexdigest()


def process_all(
    title: str,
    work: Callable[[_AnyTask], dict[str, Any]],
    tasks: Sequence[_AnyTask],
    jobs: int | ActorPool,
    again: bool,
    unit: str = "images",
) -> list[TaskOutcome]:
    """Works on the tasks that are not finished, or on all of them `again`; returns all outcomes in order.

    `jobs` are processes of this machine, or actors of a cluster. A task is finished if its results are there and were
    made of its sources as they are now, whatever their times.
    """
    journal, by_name = _Journal(), {task.name: task for task in tasks}
    for folder in {path.parent for task in tasks for path in task.results}:
        delete_partial(folder)
    finished = [] if again else [task.name for task in tasks if journal.holds(task)]
    outcomes = {name: TaskOutcome(name, {}, earlier=True) for name in finished}
    due = [task for task in tasks if task.name not in outcomes]
    with ProgressDisplay(title, len(tasks), unit) as steps:
        steps.advance(len(outcomes))
        attempt = partial(_attempt, work)
        found: Iterable[tuple[int, TaskOutcome]]
        if isinstance(jobs, ActorPool):
            found = enumerate(jobs.map(_Constant(attempt), due, _ACTOR_BATCH, _lost, steps.note))
        else:
            found = map_in_processes(attempt, due, jobs)
        for index, outcome in found:
            outcomes[due[index].name] = outcome
            if not outcome.reason:
                journal.note(by_name[outcome.name], outcome.sources)
            else:
                steps.note(f"failed: {due[index].name}")
            steps.advance(len(outcomes))
    return [outcomes[task.name] for task in tasks]


@dataclass(frozen=True)
class _Constant:
    """The work of an actor that loads nothing."""

    work: Callable[[Any], TaskOutcome]

    def __call__(self) -> Callable[[Any], TaskOutcome]:
        return self.work


def _lost(task: FileTask, reason: str) -> TaskOutcome:
    return TaskOutcome(task.name, {}, reason)


def _attempt(work: Callable[[_AnyTask], dict[str, Any]], task: _AnyTask) -> TaskOutcome:
    """Works on one task; an error that its file causes becomes the reason."""
    try:
        sources = _sources_hash(task)
        return TaskOutcome(task.name, work(task), sources=sources)
    except (ValueError, OSError, MemoryError) as error:
        return TaskOutcome(task.name, {}, str(error) or "memory ran out")
    except RuntimeError as error:
        if not _memory_ran_out(error):
            raise
        return TaskOutcome(task.name, {}, "memory ran out")


def failure_reason(error: Exception, cure: str = SMALLER_VIEWS) -> str:
    """Returns the reason, for people, why nothing was made of an image; `cure` says what to do if memory ran out.

    Raises:
        DivergedError, RuntimeError: the error itself, if the image is not to blame.
    """
    if isinstance(error, DivergedError):
        raise error
    if isinstance(error, RuntimeError) and not _memory_ran_out(error):
        raise error
    if isinstance(error, RuntimeError | MemoryError):
        return f"memory ran out; {cure}"
    return str(error)


def _memory_ran_out(error: RuntimeError) -> bool:
    """Returns True for the errors that torch raises when memory runs out; it has a class for them on a GPU only."""
    return "can't allocate memory" in str(error) or "out of memory" in str(error)


def outcome_lines(done: str, outcomes: Sequence[TaskOutcome]) -> list[str]:
    """Returns lines with the numbers of tasks done (`done` is the verb), finished before and failed, with reasons."""
    failed = [outcome for outcome in outcomes if outcome.reason]
    earlier = sum(outcome.earlier for outcome in outcomes)
    lines = [f"{done}: {len(outcomes) - earlier - len(failed)}, finished before: {earlier}, failed: {len(failed)}"]
    for outcome in failed:
        lines += [f"  {outcome.name}", f"    {outcome.reason}"]
    return lines


def map_in_processes(
    work: Callable[[_Input], _Output], inputs: Sequence[_Input], jobs: int
) -> Iterator[tuple[int, _Output]]:
    """Yields the index and the output of each input, as they come; one job works in this process, in order.

    Processes have one thread each. `work` and inputs have to be picklable. If the caller stops, work that has begun is
    finished, and no other.

    Raises:
        ValueError: a process died, as when memory runs out.
    """
    jobs = min(jobs, len(inputs))
    if jobs <= 1:
        yield from ((index, work(each)) for index, each in enumerate(inputs))
        return
    fresh = multiprocessing.get_context("spawn")  # torch has threads, which a fork does not survive
    pool = ProcessPoolExecutor(jobs, fresh, _begin_process)
    try:
        indices: dict[Future[_Output], int] = {pool.submit(work, each): index for index, each in enumerate(inputs)}
        for future in as_completed(indices):
            yield indices.pop(future), future.result()
    except BrokenProcessPool as error:
        raise ValueError("a process died, most often because memory ran out; lower --jobs and go on") from error
    finally:
        pool.shutdown(cancel_futures=True)


def processor_count() -> int:
    """Returns the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _begin_process() -> None:
    """Leaves signals to a whole group, such as Ctrl-C, to the first process, and ends when that ends."""
    import torch

    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
