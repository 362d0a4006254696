"""What `seglet refine` does with one file, and with all of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, UInt8

from seglet.data.class_table import ClassTable, classes_of
from seglet.data.description import Description, MaskCoding
from seglet.data.errors import DataError
from seglet.images import read_image, read_mask, write_mask
from seglet.inference.batch import process_all
from seglet.inference.inputs import result_path
from seglet.inference.options import Refiner
from seglet.inference.refine import label_probabilities, refine_scores, width_by_height
from seglet.inference.refine_inputs import RefineInput
from seglet.inference.score_maps import SCORE_SUFFIXES, read_scores, write_scores
from seglet.types import IGNORE


@dataclass(frozen=True)
class RefinePlan:
    """What is alike for all files. `confidence` is how sure the classes of index masks are, in (0, 1]."""

    out: Path
    entries: ClassTable
    refiner: Refiner
    confidence: float
    keep_scores: bool

    def results(self, name: str) -> dict[str, Path]:
        """What is written for one file, the mask last."""
        scores = {"scores": result_path(self.out / "scores", name, ".npz")} if self.keep_scores else {}
        return {**scores, "mask": result_path(self.out / "masks", name, ".png")}


@dataclass(frozen=True)
class RefineTask:
    """One file's work, as `batch` wants it."""

    plan: RefinePlan
    task: RefineInput

    @property
    def name(self) -> str:
        return self.task.name

    @property
    def sources(self) -> tuple[Path, ...]:
        return self.task.source, self.task.image

    @property
    def results(self) -> tuple[Path, ...]:
        return tuple(self.plan.results(self.task.name).values())

    def told(self, made: dict[str, Any], earlier: bool) -> dict[str, Any]:
        """Where the results are, and more about them."""
        places = {
            kind: path.relative_to(self.plan.out).as_posix() for kind, path in self.plan.results(self.name).items()
        }
        about = {"file": str(self.task.source), "source": str(self.task.image), **places}
        return {**about, **made, **({"earlier": True} if earlier else {})}


def refine_files(
    plan: RefinePlan, tasks: Sequence[RefineInput], jobs: int, again: bool
) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """Refines what is not finished, or everything `again`; what was made of files, and why nothing was of others."""
    due = [RefineTask(plan, task) for task in tasks]
    done, failed = [], []
    for one, outcome in zip(due, process_all("refine", _refined, due, jobs, again, "files"), strict=True):
        if outcome.reason:
            failed.append({"file": str(one.task.source), "reason": outcome.reason})
        else:
            done.append(one.told(outcome.made, outcome.earlier))
    return done, failed


def _refined(one: RefineTask) -> dict[str, Any]:
    return _work(one.plan, one.task)


def _work(plan: RefinePlan, task: RefineInput) -> dict[str, Any]:
    image = read_image(task.image)
    scores, before = _read(plan, task.source)
    if before.shape != image.shape[:2]:
        sizes = f"is {width_by_height(before.shape)}, its image {width_by_height(image.shape)}"
        raise DataError(f"{str(task.source)!r} {sizes}; save both at one size")
    refined = refine_scores(scores, image, plan.refiner)
    labels = refined.argmax(axis=0).astype(np.uint8)
    results = plan.results(task.name)
    if plan.keep_scores:
        write_scores(results["scores"], refined)
    write_mask(results["mask"], labels, classes_of(plan.entries))
    decided = before != IGNORE
    changed = float((labels != before)[decided].mean()) if decided.any() else 0.0
    return {"changed": changed, "mean_confidence": float(refined.max(axis=0).mean())}


def _read(plan: RefinePlan, source: Path) -> tuple[Float32[np.ndarray, "k h w"], UInt8[np.ndarray, "h w"]]:
    """The scores to refine, and the labels before."""
    num_classes = len(classes_of(plan.entries))
    if source.suffix.lower() in SCORE_SUFFIXES:
        scores = read_scores(source, num_classes)
        return scores, scores.argmax(axis=0).astype(np.uint8)
    values = read_mask(source)
    coding: MaskCoding = "colour" if values.ndim == 3 else "index"
    labels = Description(source.parent, "folders", plan.entries, {}, coding).labels(values, source)
    return label_probabilities(labels, num_classes, plan.refiner, plan.confidence), labels
