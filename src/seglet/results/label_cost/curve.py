"""Label-cost curve: trains the rows of its table, reads their scores and writes the result."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seglet._version import __version__
from seglet.data.simulated_labels import SparseKind
from seglet.engine.output_folder import check_output_folder
from seglet.files import read_json, write_json, write_text
from seglet.results.label_cost.chart import cost_chart
from seglet.results.label_cost.plan import CostStudy, row_name
from seglet.results.label_cost.recommendation import CostPoint, cost_steps, recommend
from seglet.results.label_cost.times import AnnotationTimes, duration_text, sparse_seconds
from seglet.results.plan import Cell, TablePlan
from seglet.results.runner import fill_table
from seglet.results.thinning import THINNING_RECORD


@dataclass(frozen=True)
class CostCurve:
    """Points of a label-cost curve by rising cost, the times they count with, and the results of the table."""

    points: tuple[CostPoint, ...]
    times: AnnotationTimes
    fingerprint: str
    images: int
    steps: int
    """Optimiser steps of each run."""
    table: Mapping[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """Returns the curve as plain values for JSON."""
        about = {name: self.table[name] for name in ("command", "commit", "hardware", "versions")}
        times = {"tags": self.times.tags, "mask": self.times.mask, "source": self.times.source}
        return {
            "seglet": __version__,
            **about,
            "fingerprint": self.fingerprint,
            "images": self.images,
            "times": times,
            "points": [point.as_dict() for point in self.points],
            "steps": [step.as_dict() for step in cost_steps(self.points)],
            "recommendation": recommend(self.points),
        }

    def write(self, out: Path) -> None:
        """Writes cost.json and cost.svg."""
        write_json(out / "cost.json", self.as_dict())
        kinds = ", ".join(f"{point.name} {duration_text(point.minutes)}" for point in self.points)
        write_text(out / "cost.svg", cost_chart(self.points, f"What annotation buys: {kinds}"))


def measure_label_cost(study: CostStudy, times: AnnotationTimes, out: Path, command: str, jobs: int) -> CostCurve:
    """Trains and scores a row for each kind of annotation, `jobs` runs at a time, and writes the curve to `out`.

    Finished runs are kept, so the same call goes on after an interruption.

    Raises:
        ValueError: `out` holds other files or runs of other settings, or a run failed.
    """
    plan = study.table(out, command)
    _take_folder(out, study)
    study.data.write()
    table = fill_table(plan, jobs)
    sparse: dict[str, float] = {kind: _sparse_minutes(plan, kind, study, times) for kind in study.sparse}
    points = tuple(_read_points(plan, {**study.minutes(times), **sparse}))
    times = times.with_sources(study.sparse)
    steps = int(plan.common_keys["steps"])
    curve = CostCurve(points, times, study.data.fingerprint, study.data.images, steps, table)
    curve.write(out)
    return curve


def _sparse_minutes(plan: TablePlan, kind: SparseKind, study: CostStudy, times: AnnotationTimes) -> float:
    """Returns the minutes to mark all images, by the regions that the simulation found in them."""
    record = read_json(plan.folders.sparse_labels(Cell(kind, plan.all_seeds[0])) / THINNING_RECORD)
    mark = times.marks.get(kind)
    seconds = sparse_seconds(kind, times.tags, study.data.classes, record["present"], record["regions"], mark)
    return study.data.images * seconds / 60


def _take_folder(out: Path, study: CostStudy) -> None:
    """Takes the folder for runs of these settings.

    Raises:
        ValueError: it holds other files, or runs of other settings.
    """
    record = {"settings": study.as_dict()}
    check_output_folder(out, "plan.json", record, overwrite=None)
    write_json(out / "plan.json", record)


def _read_points(plan: TablePlan, minutes: Mapping[str, float]) -> list[CostPoint]:
    """Reads the scores of all finished runs; returns a point for each kind of annotation, by rising cost."""
    points = []
    for name, cost in minutes.items():
        scores = [read_json(plan.folders.scores(Cell(row_name(name), seed))) for seed in plan.all_seeds]
        intervals = tuple((each["intervals"]["miou"][0], each["intervals"]["miou"][1]) for each in scores)
        points.append(CostPoint(name, cost, tuple(each["miou"] for each in scores), intervals))
    return sorted(points, key=lambda point: point.minutes)
