"""Refines a folder of score maps or masks, so that classes end at image edges."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, UInt8

from seglet._version import __version__
from seglet.actors import ActorPool
from seglet.data.class_table import CLASS_FILE, ClassTable, class_table_text, classes_of
from seglet.data.description import Description, MaskCoding
from seglet.data.errors import DataError
from seglet.engine.output_folder import check_output_folder
from seglet.files import path_below, write_json, write_text
from seglet.images import MAX_PIXELS, TooLargeError, read_mask, write_mask
from seglet.inference.batch import process_all, processor_count
from seglet.inference.inputs import read_allowed
from seglet.inference.job_report import JobReport
from seglet.inference.options import REFINER_STEPS, Refiner
from seglet.inference.refine import label_probabilities, refine_scores, width_by_height
from seglet.inference.refine_inputs import (
    RefineInput,
    are_score_maps,
    find_class_table,
    find_map_folder,
    find_maps,
    pair_with_images,
)
from seglet.inference.score_maps import SCORE_SUFFIXES, read_scores, write_scores
from seglet.locks import lock_folder
from seglet.types import IGNORE

REFINE_RECORD = "refinements.json"


@dataclass(frozen=True)
class RefineOptions:
    """Options of refining a folder.

    Args:
        out: folder of the results.
        refiner: name of the refiner; see `REFINERS`.
        steps: its steps.
        crf_settings: strengths of a crf; None for `labels` on index masks and `ssss` on score maps.
        classes: class table; None for the one in the folder or beside it.
        confidence: probability of the classes of index masks for a crf, in (0, 1].
        keep_scores: also write the refined score maps.
        jobs: processes; None for one for each processor.
        overwrite: also refine files that are finished.
        command: command for the record.
        max_pixels: pixels that an image may have.
        sam_model: SAM or SAM 2 of the refiner sam; empty for the usual one.
        pool: actors that refine, in place of processes.

    Raises:
        ValueError: strengths of a crf are given to another refiner.
    """

    out: Path
    refiner: str = "pamr"
    steps: int = REFINER_STEPS
    crf_settings: str | None = None
    classes: Path | None = None
    confidence: float = 0.7
    keep_scores: bool = False
    jobs: int | None = None
    overwrite: bool = False
    command: str = ""
    max_pixels: int = MAX_PIXELS
    sam_model: str = ""
    pool: ActorPool | None = None

    def __post_init__(self) -> None:
        if self.crf_settings is not None and self.refiner != "crf":
            raise ValueError("--crf-settings are those of --refiner crf; give it, or leave them out")

    def refiner_for(self, score_maps: bool) -> Refiner:
        """Returns the refiner with the strengths that suit score maps, or else index masks."""
        usual = "ssss" if score_maps else "labels"
        settings = (self.crf_settings or usual) if self.refiner == "crf" else ""
        return Refiner(self.refiner, self.steps, settings, self.sam_model)


def refine_folder(folder: Path, images: Path, options: RefineOptions) -> JobReport:
    """Refines every file that is not finished yet; a file without an image or of another size is reported.

    Args:
        folder: score maps, or else index masks; or a folder that `seglet predict` wrote.
        images: folder of their images, with the same names.

    Raises:
        ValueError: there is nothing to refine or no class table, or the output folder holds other results.
    """
    with lock_folder(options.out):
        return _refine_locked(folder, images, options)


def _refine_locked(folder: Path, images: Path, options: RefineOptions) -> JobReport:
    out, maps = options.out, find_map_folder(folder)
    found = find_maps(maps, out)
    refiner = options.refiner_for(are_score_maps(found))
    table = find_class_table(options.classes, maps)
    inputs, failed = pair_with_images(found, images, out)
    settings = refiner.as_dict()
    if not are_score_maps(found) and refiner.name == "crf":
        settings["confidence"] = options.confidence
    settings |= {"in": str(maps.resolve()), "images": str(images.resolve())}
    record: dict[str, Any] = {"seglet": __version__, "command": options.command, "settings": settings}
    record |= {"classes": list(classes_of(table).names), "finished": False}
    check_output_folder(out, REFINE_RECORD, record, options.overwrite)
    write_json(out / REFINE_RECORD, record)
    write_text(out / CLASS_FILE, class_table_text(classes_of(table)))
    plan = _Plan(out, table, refiner, options.confidence, options.keep_scores, options.max_pixels)
    done, unrefined = _refine_all(plan, inputs, options.pool or options.jobs or processor_count(), options.overwrite)
    failed += unrefined
    record |= {"finished": True, "out": str(out), "files": done, "failed": failed}
    write_json(out / REFINE_RECORD, record)
    return JobReport(out, record, _summary(images, out, done, failed))


def _summary(images: Path, out: Path, done: list[dict[str, Any]], failed: list[dict[str, str]]) -> list[str]:
    earlier = sum("earlier" in made for made in done)
    lines = [f"refined: {len(done) - earlier}, finished before: {earlier}, failed: {len(failed)}"]
    lines += [f"  {failure['file']}\n    {failure['reason']}" for failure in failed]
    results = f"masks are in {out / 'masks'}, and {REFINE_RECORD} says what became of each file"
    check = f"seglet data check {images} --masks {out / 'masks'} --classes {out / CLASS_FILE}"
    return [*lines, results, f"next: {check} --out refined.json"]


@dataclass(frozen=True)
class _Plan:
    """Settings that all files share."""

    out: Path
    table: ClassTable
    refiner: Refiner
    confidence: float
    keep_scores: bool
    max_pixels: int

    def results(self, name: str) -> dict[str, Path]:
        """Returns the files that are written for one input, the mask last."""
        scores = {"scores": path_below(self.out / "scores", name, ".npz")} if self.keep_scores else {}
        return {**scores, "mask": path_below(self.out / "masks", name, ".png")}


@dataclass(frozen=True)
class _Task:
    """The work on one file, as `process_all` takes it."""

    plan: _Plan
    input: RefineInput

    @property
    def name(self) -> str:
        return self.input.name

    @property
    def out(self) -> Path:
        return self.plan.out

    @property
    def sources(self) -> tuple[Path, ...]:
        return self.input.source, self.input.image

    @property
    def results(self) -> tuple[Path, ...]:
        return tuple(self.plan.results(self.name).values())

    def record(self, made: dict[str, Any], earlier: bool) -> dict[str, Any]:
        """Returns the entry of the record: sources, results and what was measured."""
        results = self.plan.results(self.name).items()
        places = {kind: path.relative_to(self.plan.out).as_posix() for kind, path in results}
        sources = {"file": str(self.input.source), "source": str(self.input.image)}
        return {**sources, **places, **made, **({"earlier": True} if earlier else {})}


def _refine_all(
    plan: _Plan, inputs: Sequence[RefineInput], jobs: int | ActorPool, again: bool
) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """Returns the entries of the files that were refined, and of those that failed."""
    tasks = [_Task(plan, each) for each in inputs]
    done, failed = [], []
    for task, outcome in zip(tasks, process_all("refine", _refine, tasks, jobs, again, "files"), strict=True):
        if outcome.reason:
            failed.append({"file": str(task.input.source), "reason": outcome.reason})
        else:
            done.append(task.record(outcome.made, outcome.earlier))
    return done, failed


def _refine(task: _Task) -> dict[str, Any]:
    plan, source = task.plan, task.input.source
    image = read_allowed(task.input.image, plan.max_pixels)
    scores, before = _read(plan, source)
    if before.shape != image.shape[:2]:
        sizes = f"is {width_by_height(before.shape)}, its image {width_by_height(image.shape)}"
        raise DataError(f"{str(source)!r} {sizes}; save both at one size")
    refined = refine_scores(scores, image, plan.refiner)
    labels = refined.argmax(axis=0).astype(np.uint8)
    results = plan.results(task.name)
    if plan.keep_scores:
        write_scores(results["scores"], refined)
    write_mask(results["mask"], labels, classes_of(plan.table))
    decided = before != IGNORE
    changed = float((labels != before)[decided].mean()) if decided.any() else 0.0
    return {"changed": changed, "mean_confidence": float(refined.max(axis=0).mean())}


def _read(plan: _Plan, source: Path) -> tuple[Float32[np.ndarray, "k h w"], UInt8[np.ndarray, "h w"]]:
    """Returns the scores to refine, and the labels before."""
    num_classes = len(classes_of(plan.table))
    if source.suffix.lower() in SCORE_SUFFIXES:
        scores = read_scores(source, num_classes)
        return scores, scores.argmax(axis=0).astype(np.uint8)
    try:
        values = read_mask(source, plan.max_pixels)
    except TooLargeError as error:
        raise error.with_cure("--max-pixels {}") from error
    coding: MaskCoding = "colour" if values.ndim == 3 else "index"
    labels = Description(source.parent, "folders", plan.table, {}, coding).labels(values, source)
    return label_probabilities(labels, num_classes, plan.refiner, plan.confidence), labels
