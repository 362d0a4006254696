"""What `seglet refine` does with one file, and with all of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, UInt8

from seglet.apps.parallel import in_processes
from seglet.apps.pictures import place
from seglet.apps.refine_inputs import Task
from seglet.apps.refiners import Refiner
from seglet.apps.refining import refine, size, soft
from seglet.apps.scores import ENDINGS, read_scores, write_scores
from seglet.data.description import Coding, Description
from seglet.data.errors import DataError
from seglet.data.images import read_image, read_mask, write_mask
from seglet.data.table import Table, classes_of
from seglet.engine.console import Steps
from seglet.files import delete_partial
from seglet.types import IGNORE


@dataclass(frozen=True)
class Plan:
    """What is alike for all files. `confidence` is how sure the classes of index masks are, in (0, 1]."""

    out: Path
    entries: Table
    refiner: Refiner
    confidence: float
    keep_scores: bool

    def results(self, name: str) -> dict[str, Path]:
        """What is written for one file, the mask last."""
        scores = {"scores": place(self.out / "scores", name, ".npz")} if self.keep_scores else {}
        return {**scores, "mask": place(self.out / "masks", name, ".png")}

    def finished(self, task: Task) -> bool:
        """Whether all results are there, and newer than what they were made of."""
        made = [path.stat().st_mtime_ns for path in self.results(task.name).values() if path.is_file()]
        if len(made) < len(self.results(task.name)):
            return False
        of = (path.stat().st_mtime_ns for path in (task.source, task.picture) if path.exists())
        return min(made) >= max(of, default=0)

    def told(self, task: Task, **more: Any) -> "Outcome":
        """Where the results are, and more about them."""
        places = {kind: path.relative_to(self.out).as_posix() for kind, path in self.results(task.name).items()}
        return Outcome(task.source, {"file": str(task.source), "picture": str(task.picture), **places, **more})


@dataclass(frozen=True)
class Outcome:
    """What was made of a file, or the reason why nothing was."""

    file: Path
    made: dict[str, Any]
    reason: str = ""


def refine_all(plan: Plan, tasks: Sequence[Task], jobs: int, again: bool) -> list[Outcome]:
    """Refines what is not finished, or everything `again`; what became of each file, in their order."""
    for folder in {path.parent for task in tasks for path in plan.results(task.name).values()}:
        delete_partial(folder)
    outcomes = {task.name: plan.told(task, earlier=True) for task in tasks if not again and plan.finished(task)}
    due = [task for task in tasks if task.name not in outcomes]
    with Steps("refine", len(tasks), "files") as steps:
        steps.advance(len(outcomes))
        for index, outcome in in_processes(partial(attempt, plan), due, jobs):
            outcomes[due[index].name] = outcome
            if outcome.reason:
                steps.note(f"failed: {due[index].source}")
            steps.advance(len(outcomes))
    return [outcomes[task.name] for task in tasks]


def attempt(plan: Plan, task: Task) -> Outcome:
    """Refines one file and writes the results; what is wrong with it becomes the reason."""
    try:
        return plan.told(task, **_work(plan, task))
    except (ValueError, OSError, MemoryError) as error:
        return Outcome(task.source, {}, str(error) or "memory ran out")
    except RuntimeError as error:
        if "can't allocate memory" not in str(error):  # torch has no error of its own for this on the CPU
            raise
        return Outcome(task.source, {}, "memory ran out")


def _work(plan: Plan, task: Task) -> dict[str, Any]:
    image = read_image(task.picture)
    scores, before = _read(plan, task.source)
    if before.shape != image.shape[:2]:
        sizes = f"is {size(before.shape)}, its picture {size(image.shape)}"
        raise DataError(f"{str(task.source)!r} {sizes}; save both at one size")
    refined = refine(scores, image, plan.refiner)
    labels = refined.argmax(axis=0).astype(np.uint8)
    results = plan.results(task.name)
    if plan.keep_scores:
        write_scores(results["scores"], refined)
    write_mask(results["mask"], labels, classes_of(plan.entries))
    decided = before != IGNORE
    changed = float((labels != before)[decided].mean()) if decided.any() else 0.0
    return {"changed": changed, "mean_confidence": float(refined.max(axis=0).mean())}


def _read(plan: Plan, source: Path) -> tuple[Float32[np.ndarray, "k h w"], UInt8[np.ndarray, "h w"]]:
    """The scores to refine, and the labels before."""
    num_classes = len(classes_of(plan.entries))
    if source.suffix.lower() in ENDINGS:
        scores = read_scores(source, num_classes)
        return scores, scores.argmax(axis=0).astype(np.uint8)
    values = read_mask(source)
    coding: Coding = "colour" if values.ndim == 3 else "index"
    labels = Description(source.parent, "folders", plan.entries, {}, coding).labels(values, source)
    return soft(labels, num_classes, plan.refiner, plan.confidence), labels
