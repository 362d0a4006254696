"""What a report is about: a run, or a saved segmenter, and the data it is scored on."""

import argparse
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seglet._version import __version__
from seglet.data.dataset import Dataset, Sample
from seglet.data.opening import open_dataset
from seglet.engine.datasets import split_source
from seglet.engine.experiment import Experiment, resolve_experiment
from seglet.engine.run import Run
from seglet.files import read_json
from seglet.inference.depth import DepthSource, find_depth_source
from seglet.inference.models import check_classes, load_model, model_folder
from seglet.models.segmenter import Segmenter

Curve = list[tuple[int, float]]


@dataclass(frozen=True)
class Subject:
    """A model and, if it came out of a run, how it was trained; `name` tells it from the others."""

    name: str
    model: Segmenter
    experiment: Experiment | None
    record: dict[str, Any]
    curves: dict[str, Curve]
    depths: DepthSource | None = None

    def depth(self, sample: Sample) -> np.ndarray | None:
        """How far things are in an image, for a network that is told so."""
        return None if self.depths is None else self.depths(sample.image, sample.id)

    @property
    def resize(self) -> float:
        return 1.0 if self.experiment is None else self.experiment.settings.resize

    @property
    def remark(self) -> str:
        """What there is to say of a run that is not finished."""
        if self.experiment is None:
            return ""
        done = max((curve[-1][0] for curve in self.curves.values() if curve), default=0)
        total = self.experiment.settings.steps
        return f"stopped at step {done} of {total}; this is its best model so far" if done < total else ""

    def seedless(self) -> dict[str, Any] | None:
        """The experiment without its seed: runs that share it differ by chance alone; None if it is not known."""
        return None if self.experiment is None else {**self.experiment.values(), "seed": None}


def open_subjects(sources: Sequence[str], device: str, depth: str | None = None) -> list[Subject]:
    """`depth` is where networks that are told depth have it from, if not from where they had it in training.

    Raises:
        ValueError: there is no model, a run was never validated, or classes differ.
    """
    names = _apart(sources)
    found = [_open(source, name, device, depth) for source, name in zip(sources, names, strict=True)]
    for other in found[1:]:
        try:
            check_classes(found[0].model.classes, other.model.classes)
        except ValueError as error:
            raise ValueError(f"{found[0].name} and {other.name} cannot be compared: {error}") from error
    return found


def _apart(sources: Sequence[str]) -> list[str]:
    """Last parts of the paths, or the whole paths where these do not differ."""
    short = [Path(source).resolve().name if Path(source).exists() else source for source in sources]
    if len(set(sources)) < len(sources):
        raise ValueError("the same run was named twice; name each once")
    return list(sources) if len(set(short)) < len(short) else short


def _open(source: str, name: str, device: str, depth: str | None) -> Subject:
    run = Run(Path(source))
    model = load_model(str(model_folder(source)), device)
    depths = find_depth_source(model, None if model.architecture.depth is None else depth)
    if not run.experiment.is_file():
        return Subject(name, model, None, {}, {}, depths)
    record = read_json(run.record) if run.record.is_file() else {}
    known = record if isinstance(record, dict) else {}
    return Subject(name, model, _experiment(run, known), known, _curves(run), depths)


def _experiment(run: Run, record: dict[str, Any]) -> Experiment:
    """
    Raises:
        ValueError: it cannot be read, as when another version of seglet wrote it; says what still can be done.
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


def _curves(run: Run) -> dict[str, Curve]:
    """Every number that was logged, by step; a line that was cut off is passed over."""
    curves: dict[str, Curve] = {}
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


def open_data(arguments: argparse.Namespace, subjects: Sequence[Subject]) -> tuple[Dataset, str]:
    """What all are scored on: what was named, or else the validation data of the first run; and its name.

    Raises:
        ValueError: there are none, or they have other classes or no masks.
    """
    first = subjects[0]
    if arguments.data is not None:
        split = arguments.split or "val"
        data = open_dataset(arguments.data, split, resize=first.resize, whole_masks=True)
        name = f"{arguments.data} ({split})"
    elif first.experiment is None:
        raise ValueError(f"{first.name} is no run, so its data are not known; name images with masks with --data DATA")
    else:
        settings = first.experiment.settings
        split = arguments.split or settings.val_split
        data, name = split_source(settings).open(split, scored=True), f"{settings.data} ({split})"
    check_classes(first.model.classes, data.classes)
    return data, name
