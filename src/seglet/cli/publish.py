"""`seglet publish`: writes a segmenter with its model card for the Hugging Face hub, and uploads it if asked."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seglet.cli.output import print_result
from seglet.cli.parsing import UsageError, add_json

if TYPE_CHECKING:
    from seglet.models.io.model_card import LicensedPart, Provenance

_SCORES = ("miou", "miou_present", "miou_all", "pixel_accuracy", "mean_accuracy", "ece_15")
_WEIGHTS_KEYS = ("student_weights", "teacher", "weights")
"""Keys of an experiment that name weights of others."""
_DESCRIPTION = """\
Write a segmenter with a model card (purpose, training data, scores, licences of all parts) as a folder for the Hugging
Face hub. Nothing is uploaded unless --to names a repository there; log in with the hub's own tools before.
  seglet publish runs/mine --licence cc-by-4.0 --data-licence cc0-1.0 --out published
  seglet publish runs/mine --licence cc-by-4.0 --out published --to owner/name
Others then load it with seglet.load("owner/name")."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = _DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("run", metavar="RUN", help="a run's folder, or a segmenter's")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="new folder for model and card")
    parser.add_argument(
        "--licence", default="", help="licence of the weights, in the hub's spelling: mit, cc-by-4.0, …"
    )
    parser.add_argument("--data-licence", default="", help="licence of the training data")
    parser.add_argument("--scores", type=Path, metavar="FILE", help="scores that `seglet evaluate --out FILE` wrote")
    parser.add_argument("--to", metavar="OWNER/NAME", help="repository to upload it to")
    parser.add_argument("--public", action="store_true", help="make a new repository public, not private")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    from seglet.inference.models import model_folder
    from seglet.models.io.model_card import LICENCE_NOT_STATED
    from seglet.models.segmenter import Segmenter

    if arguments.to is not None and arguments.to.count("/") != 1:
        raise UsageError(f"--to names a repository as OWNER/NAME, got {arguments.to!r}")
    if arguments.out.exists() and (not arguments.out.is_dir() or any(arguments.out.iterdir())):
        raise ValueError(f"{str(arguments.out)!r} is not empty; choose a new folder with --out")
    model = Segmenter.load(model_folder(arguments.run))
    provenance = _read_provenance(arguments)
    model.publish(arguments.out, provenance)
    missing = [part.name for part in provenance.parts if part.licence == LICENCE_NOT_STATED]
    lines = [f"{arguments.out} holds the segmenter and its card, README.md; check the card before you publish it"]
    if not provenance.licence:
        missing.insert(0, "these weights (--licence)")
    if missing:
        lines.append(f"the card states no licence of: {', '.join(missing)}")
    if arguments.to is not None:
        model.push_to_hub(arguments.to, provenance, private=not arguments.public)
        lines.append(f'uploaded; use it with seglet.load("{arguments.to}")')
    content = {"out": str(arguments.out), "uploaded": arguments.to, "licences_missing": missing}
    print_result("\n".join(lines), content, arguments.json)
    return 0


def _read_provenance(arguments: argparse.Namespace) -> "Provenance":
    """Reads the provenance from the run's files and the command line."""
    from seglet.engine.experiment_file import read_yaml
    from seglet.engine.run import Run
    from seglet.files import read_json
    from seglet.models.io.model_card import Provenance

    run = Run(Path(arguments.run))
    values = read_yaml(run.experiment) if run.experiment.is_file() else {}
    record = read_json(run.record) if run.record.is_file() else {}
    record = record if isinstance(record, dict) else {}
    scores, scored_on = _scores(arguments, run, values)
    data = f"{values['data']}, split {values['train_split']}" if values else ""
    return Provenance(
        name=arguments.to or Path(arguments.run).resolve().name,
        method=str(values.get("method", "")),
        data=data,
        scored_on=scored_on,
        licence=arguments.licence,
        parts=_parts(values, arguments.data_licence),
        scores=scores,
        command=str(record.get("command", "")),
        commit=str(record.get("commit") or ""),
    )


def _scores(arguments: argparse.Namespace, run: Any, values: dict[str, Any]) -> tuple[dict[str, float], str]:
    """Returns the scores of an evaluation, or else of the run's best validation, and the data they are of."""
    import json

    from seglet.files import read_json

    if arguments.scores is not None:
        found = read_json(arguments.scores)
        if not isinstance(found, dict) or "miou" not in found:
            raise ValueError(f"{str(arguments.scores)!r} holds no scores; write them with `seglet evaluate --out FILE`")
        return _known_scores(found), f"{found.get('data', '')}, split {found.get('split', '')}"
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


def _known_scores(found: dict[str, Any]) -> dict[str, float]:
    return {name: float(found[name]) for name in _SCORES if isinstance(found.get(name), int | float)}


def _parts(values: dict[str, Any], data_licence: str) -> "tuple[LicensedPart, ...]":
    """Returns the data, the foundation models and the weights that the experiment names, with their licences."""
    from seglet.models.foundation.known_models import known_model
    from seglet.models.io.model_card import LICENCE_NOT_STATED, LicensedPart

    if not values:
        return (LicensedPart("the data", data_licence or LICENCE_NOT_STATED),)
    is_world = str(values["data"]) == "world"
    parts = [
        LicensedPart(f"the data, {values['data']}", data_licence or ("Apache-2.0" if is_world else LICENCE_NOT_STATED))
    ]
    for key, value in values.items():
        entry = known_model(value) if isinstance(value, str) else None
        if entry is not None:
            parts.append(LicensedPart(f"{entry.id}, {entry.about}", entry.licence))
        elif key in _WEIGHTS_KEYS and isinstance(value, str) and value:
            parts.append(LicensedPart(f"{key.replace('_', ' ')}: {Path(value).name}"))
    return tuple(dict.fromkeys(parts))
