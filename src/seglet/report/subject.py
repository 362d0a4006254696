"""Subjects of a report: runs or saved segmenters, and the data they are scored on."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from seglet._version import __version__
from seglet.data.dataset import Dataset, Sample
from seglet.data.opening import open_dataset
from seglet.engine.datasets import split_source
from seglet.engine.experiment import Experiment, resolve_experiment
from seglet.engine.phase_cost import PhaseCost
from seglet.engine.run import Run
from seglet.files import read_json
from seglet.inference.depth import DepthSource, find_depth_source
from seglet.inference.models import check_classes, load_model, model_folder
from seglet.models.segmenter import Segmenter

MetricCurve = list[tuple[int, float]]
"""Steps and values of a logged number."""


@dataclass(frozen=True)
class ReportSubject:
    """A model with a name of its own and, if it came out of a run, the run's experiment, record and logged numbers."""

    name: str
    model: Segmenter
    experiment: Experiment | None
    record: dict[str, Any]
    curves: dict[str, MetricCurve]
    depths: DepthSource | None = None
    costs: Mapping[str, PhaseCost] = field(default_factory=dict)
    """Costs of the phases of the run, by name."""

    def depth(self, sample: Sample) -> np.ndarray | None:
        """Returns the depth of an image; None for a network that does not take depth."""
        return None if self.depths is None else self.depths(sample.image, sample.id)

    @property
    def resize(self) -> float:
        """Fraction of their size at which the run read images."""
        return 1.0 if self.experiment is None else self.experiment.settings.resize

    @property
    def warning(self) -> str:
        """Message about a run that is not finished; empty for others."""
        if self.experiment is None:
            return ""
        done = max((curve[-1][0] for curve in self.curves.values() if curve), default=0)
        total = self.experiment.settings.steps
        return f"stopped at step {done} of {total}; this is its best model so far" if done < total else ""

    def experiment_without_seed(self) -> dict[str, Any] | None:
        """Returns the values of the experiment apart from its seed; None if they are not known."""
        return None if self.experiment is None else {**self.experiment.values(), "seed": None}


def open_report_subjects(sources: Sequence[str], device: str, depth: str | None = None) -> list[ReportSubject]:
    """Loads the models of a report, with names that tell them apart.

    Args:
        depth: source of depth for networks that take it, if not the one of their training.

    Raises:
        ValueError: there is no model, a run was never validated, or classes differ.
    """
    names = _distinct_names(sources)
    found = [_open_subject(source, name, device, depth) for source, name in zip(sources, names, strict=True)]
    for one in found:
        if one.model.architecture.channels is not None:
            raise ValueError(f"{one.name} takes measured channels, and a report shows colour images; score it with "
                             "`seglet evaluate`")  # fmt: skip
    for other in found[1:]:
        try:
            check_classes(found[0].model.classes, other.model.classes)
        except ValueError as error:
            raise ValueError(f"{found[0].name} and {other.name} cannot be compared: {error}") from error
    return found


def _distinct_names(sources: Sequence[str]) -> list[str]:
    """Returns the last parts of the paths, or the whole paths where these do not differ.

    Raises:
        ValueError: a path occurs twice.
    """
    short = [Path(source).resolve().name if Path(source).exists() else source for source in sources]
    if len(set(sources)) < len(sources):
        raise ValueError("the same run was named twice; name each once")
    return list(sources) if len(set(short)) < len(short) else short


def _open_subject(source: str, name: str, device: str, depth: str | None) -> ReportSubject:
    run = Run(Path(source))
    model = load_model(str(model_folder(source)), device)
    depths = find_depth_source(model, None if model.architecture.depth is None else depth)
    if not run.experiment.is_file():
        return ReportSubject(name, model, None, {}, {}, depths)
    record = read_json(run.record) if run.record.is_file() else {}
    known = record if isinstance(record, dict) else {}
    return ReportSubject(name, model, _run_experiment(run, known), known, _metric_curves(run), depths, run.costs())


def _run_experiment(run: Run, record: dict[str, Any]) -> Experiment:
    """Reads the experiment of a run.

    Raises:
        ValueError: it cannot be read, for example because another version of seglet wrote it; the message has the cure.
    """
    try:
        return resolve_experiment(run.experiment, {})
    except ValueError as error:
        found = record.get("versions")
        made = found.get("seglet", "unknown") if isinstance(found, dict) else "unknown"
        raise ValueError(
            f"{error}; the run was made by seglet {made}, this is {__version__}: take that version, "
            f"or report on its model alone: seglet report {run.folder / 'model'} --data DATA"
        ) from error


def _metric_curves(run: Run) -> dict[str, MetricCurve]:
    """Reads every logged number by step; skips a line that was cut off."""
    curves: dict[str, MetricCurve] = {}
    lines = run.metrics.read_text(encoding="utf-8", errors="replace").splitlines() if run.metrics.is_file() else []
    for line in lines:
        try:
            row = json.loads(line)
            step = int(row["step"])
        except (ValueError, KeyError, TypeError):
            continue
        for key, value in row.items():
            if key != "step" and isinstance(value, int | float) and math.isfinite(value):
                curves.setdefault(key, []).append((step, float(value)))
    return curves


def open_report_data(subjects: Sequence[ReportSubject], data: str | None, split: str | None) -> tuple[Dataset, str]:
    """Opens the data that all subjects are scored on, and returns them with their name.

    Args:
        data: data set to open; None for the validation data of the first run.
        split: split to open; None for "val", or the run's own validation split.

    Raises:
        ValueError: there are no such data, or they have other classes.
    """
    first = subjects[0]
    if data is not None:
        split = split or "val"
        images = open_dataset(data, split, resize=first.resize, whole_masks=True)
    elif first.experiment is None:
        raise ValueError(f"{first.name} is no run, so its data are not known; name images with masks with --data DATA")
    else:
        settings = first.experiment.settings
        data, split = settings.data, split or settings.val_split
        images = split_source(settings).open(split, scored=True)
    check_classes(first.model.classes, images.classes)
    return images, f"{data} ({split})"
