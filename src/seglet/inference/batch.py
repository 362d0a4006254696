"""The same work on many images: in parallel, without those that are finished, whatever single ones do."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

from seglet.engine.console import ProgressDisplay
from seglet.files import delete_partial
from seglet.inference.parallel import map_in_processes


@runtime_checkable
class FileTask(Protocol):
    """One image's work; picklable. `name` is unique, the last of `results` is written last."""

    @property
    def name(self) -> str: ...
    @property
    def sources(self) -> tuple[Path, ...]: ...
    @property
    def results(self) -> tuple[Path, ...]: ...


_AnyTask = TypeVar("_AnyTask", bound=FileTask)


@dataclass(frozen=True)
class TaskOutcome:
    """What was made of an image, or the reason why nothing was; `earlier` if a former call made it."""

    name: str
    made: dict[str, Any]
    reason: str = ""
    earlier: bool = False


def is_finished(task: FileTask) -> bool:
    """Whether all results are there, and newer than what they were made of."""
    made = [path.stat().st_mtime_ns for path in task.results if path.is_file()]
    if len(made) < len(task.results):
        return False
    return min(made) >= max((path.stat().st_mtime_ns for path in task.sources if path.exists()), default=0)


def process_all(
    title: str,
    work: Callable[[_AnyTask], dict[str, Any]],
    tasks: Sequence[_AnyTask],
    jobs: int,
    again: bool,
    things: str = "images",
) -> list[TaskOutcome]:
    """Does what is not finished, or everything `again`; what became of each, in their order."""
    for folder in {path.parent for task in tasks for path in task.results}:
        delete_partial(folder)
    outcomes = {
        task.name: TaskOutcome(task.name, {}, earlier=True) for task in tasks if not again and is_finished(task)
    }
    due = [task for task in tasks if task.name not in outcomes]
    with ProgressDisplay(title, len(tasks), things) as steps:
        steps.advance(len(outcomes))
        for index, outcome in map_in_processes(partial(_attempt, work), due, jobs):
            outcomes[due[index].name] = outcome
            if outcome.reason:
                steps.note(f"failed: {due[index].name}")
            steps.advance(len(outcomes))
    return [outcomes[task.name] for task in tasks]


def _attempt(work: Callable[[_AnyTask], dict[str, Any]], task: _AnyTask) -> TaskOutcome:
    """Does one; what is wrong with it becomes the reason."""
    try:
        return TaskOutcome(task.name, work(task))
    except (ValueError, OSError, MemoryError) as error:
        return TaskOutcome(task.name, {}, str(error) or "memory ran out")
    except RuntimeError as error:
        if not _memory_ran_out(error):
            raise
        return TaskOutcome(task.name, {}, "memory ran out")


def failure_reason(error: Exception) -> str:
    """Why a network made nothing of an image, for people.

    Raises:
        RuntimeError: the error itself, where the image is not to blame.
    """
    if isinstance(error, RuntimeError) and not _memory_ran_out(error):
        raise error
    if isinstance(error, RuntimeError | MemoryError):
        return "memory ran out; look at it in parts (--window 512 512) or smaller (--resize 0.5)"
    return str(error)


def _memory_ran_out(error: RuntimeError) -> bool:
    """Torch has an error of its own for this on a GPU, but none on the processor."""
    return "can't allocate memory" in str(error) or "out of memory" in str(error)


def outcome_lines(done: str, outcomes: Sequence[TaskOutcome]) -> list[str]:
    """How many were done (`done` says what), were finished before, and failed; the failed with their reasons."""
    failed = [outcome for outcome in outcomes if outcome.reason]
    earlier = sum(outcome.earlier for outcome in outcomes)
    lines = [f"{done}: {len(outcomes) - earlier - len(failed)}, finished before: {earlier}, failed: {len(failed)}"]
    for outcome in failed:
        lines += [f"  {outcome.name}", f"    {outcome.reason}"]
    return lines
