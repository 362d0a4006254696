"""Provenance of a published segmenter: training, data, scores and licences, from the files of its run."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seglet.engine.experiment_file import read_yaml
from seglet.engine.run import Run
from seglet.files import read_json
from seglet.models.backbones.published import OWN_WEIGHTS, hub_licence, timm_licence
from seglet.models.distillation.class_teacher import AVERAGE, teacher_sources
from seglet.models.foundation.hub import HUB_PREFIX
from seglet.models.foundation.known_models import known_model
from seglet.models.foundation.licences import licence_of
from seglet.models.io.model_card import LICENCE_NOT_STATED, LicensedPart, Provenance

_SCORES = ("miou", "miou_present", "miou_all", "pixel_accuracy", "mean_accuracy", "ece_15")
_LABEL_RECORD = "predictions.json"
"""File in which `seglet predict` notes how labels were made."""

_WEIGHTS_KEYS = ("student_weights", "teacher", "weights")
"""Keys of an experiment that name weights of others."""


@dataclass(frozen=True)
class CardOptions:
    """Facts of a model card beyond the files of a run.

    Args:
        name: name of the model; empty for that of its folder.
        licence: licence of the weights; empty if it is not stated.
        data_licence: licence of the training data; empty if it is not stated.
        scores: file of scores that `seglet evaluate` wrote; None for those of the run's best validation.
    """

    name: str = ""
    licence: str = ""
    data_licence: str = ""
    scores: Path | None = None


def read_provenance(folder: Path, options: CardOptions) -> Provenance:
    """Reads the provenance of a segmenter from the files of its run, as far as there are some.

    Raises:
        ValueError: the file of scores holds none.
    """
    run = Run(folder)
    values = read_yaml(run.experiment) if run.experiment.is_file() else {}
    record = read_json(run.record) if run.record.is_file() else {}
    record = record if isinstance(record, dict) else {}
    scores, scored_on = _best_validation(run, values) if options.scores is None else _read_scores(options.scores)
    return Provenance(
        name=options.name or folder.resolve().name,
        method=str(values.get("method", "")),
        data=f"{values['data']}, split {values['train_split']}" if values else "",
        scored_on=scored_on,
        licence=options.licence,
        parts=_licensed_parts(values, options.data_licence),
        scores=scores,
        command=str(record.get("command", "")),
        commit=str(record.get("commit") or ""),
    )


def _read_scores(file: Path) -> tuple[dict[str, float], str]:
    """Returns the scores in a file and the data they are of."""
    found = read_json(file)
    if not isinstance(found, dict) or "miou" not in found:
        raise ValueError(f"{str(file)!r} holds no scores; write them with `seglet evaluate --out FILE`")
    return _known_scores(found), f"{found.get('data', '')}, split {found.get('split', '')}"


def _best_validation(run: Run, values: Mapping[str, Any]) -> tuple[dict[str, float], str]:
    """Returns the scores of a run's best validation and the data they are of; empty for a segmenter alone."""
    if not run.metrics.is_file() or not values:
        return {}, ""
    rows = []
    for line in run.metrics.read_text(encoding="utf-8").splitlines():
        try:
            row = json.loads(line)
        except json.JSONDecodeError:  # the line that was being written when the process died
            continue
        if isinstance(row, dict) and isinstance(row.get("val/miou"), float):
            rows.append({key.removeprefix("val/"): value for key, value in row.items() if key.startswith("val/")})
    best = max(rows, key=lambda row: row["miou"], default={})
    return _known_scores(best), f"{values['data']}, split {values['val_split']}, on which the model was chosen"


def _known_scores(found: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(found[name]) for name in _SCORES if isinstance(found.get(name), int | float)}


def _licensed_parts(values: Mapping[str, Any], data_licence: str) -> tuple[LicensedPart, ...]:
    """Returns the data, the foundation models and the weights that the experiment names, with their licences."""
    if not values:
        return (LicensedPart("the data", data_licence or LICENCE_NOT_STATED),)
    is_world = str(values["data"]) == "world"
    parts = [
        LicensedPart(f"the data, {values['data']}", data_licence or ("Apache-2.0" if is_world else LICENCE_NOT_STATED))
    ]
    parts += _label_parts(str(values["data"]))
    for key, value in values.items():
        entry = known_model(value) if isinstance(value, str) else None
        if entry is not None:
            parts.append(LicensedPart(f"{entry.id}, {entry.about}", entry.licence))
        elif key == "model" and values.get("method") == "concepts":
            parts.append(LicensedPart(f"teacher, asked by words: {Path(value).name}", licence_of(value)))
        elif key in _WEIGHTS_KEYS and isinstance(value, str) and value and value != AVERAGE:
            sources = teacher_sources(value) if key == "teacher" else [value]
            parts += [_part_of(key.replace("_", " "), source) for source in sources]
        elif key == "terms" and isinstance(value, list):
            options = [word.partition("=") for term in value for word in str(term).split()]
            parts += [_part_of("teacher of features", source) for name, _, source in options if name == "teacher"]
    return tuple(dict.fromkeys([*parts, *_initial_weights(values)]))


def _label_parts(data: str) -> list[LicensedPart]:
    """Returns the network that made the labels, as `seglet predict` noted it beside them; none for other data."""
    place = Path(data)
    record = (place.parent if place.is_file() else place) / _LABEL_RECORD
    found = read_json(record) if record.is_file() else {}
    if not isinstance(found, dict) or "teacher" not in found:
        return []
    return [LicensedPart(f"labels by {found['teacher']}", str(found.get("licence") or LICENCE_NOT_STATED))]


def _initial_weights(values: Mapping[str, Any]) -> list[LicensedPart]:
    """Returns the published weights that the student's backbone started from; none from chance or a saved segmenter."""
    backbone = str(values.get("student", "")).partition("-")[2]
    if values.get("student_weights") or values.get("pretrained", "none") != "auto":
        return []
    if backbone.startswith("hf:"):
        licence = hub_licence(backbone.removeprefix("hf:"))
        return [LicensedPart(f"initial weights: {backbone}", licence or LICENCE_NOT_STATED)]
    if backbone.startswith("clip:"):
        entry = known_model(backbone.removeprefix("clip:").partition("@")[0])
        return [LicensedPart(f"initial weights: {backbone}", LICENCE_NOT_STATED if entry is None else entry.licence)]
    if backbone.startswith("timm:"):
        place = backbone.removeprefix("timm:")
        name = Path(place).name if Path(place).is_dir() else place
        return [LicensedPart(f"initial weights: timm:{name}", timm_licence(place) or LICENCE_NOT_STATED)]
    known = OWN_WEIGHTS.get(backbone)
    if known is None or not known.package or values.get("width", 1.0) != 1:
        return []
    return [LicensedPart(f"initial weights: {known.package}, trained on {known.learnt}", known.licence)]


def _part_of(purpose: str, source: str) -> LicensedPart:
    """Returns the part that a source of weights is: a model of transformers (`hf:`), or a file or folder."""
    place = source.removeprefix(HUB_PREFIX)
    if place == source or Path(place).is_dir():
        return LicensedPart(f"{purpose}: {Path(place).name}")
    return LicensedPart(f"{purpose}: {place}", hub_licence(place) or LICENCE_NOT_STATED)
