"""Results of a table's finished cells: one JSON file, and charts of their curves beside it."""

import json
import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from seglet.files import read_json, write_json, write_text
from seglet.results.curves import Curve, mean_curve, score_chart
from seglet.results.experiments import effective_weight, matched_weight
from seglet.results.plan import Cell, TablePlan

_SCORES = {"miou": "miou", "pixel_accuracy": "pixel_accuracy", "ece": "ece_10", "ece_15": "ece_15"}
"""Names of scores in a table, and in an evaluation."""

_REFINED_SCORES = {"miou": "mIoU", "boundary_iou": "boundary IoU"}
"""Scores of pseudo labels before and after refinement, and their titles."""

_LOGGED = {
    "guess": "val/miou",
    "refined": "refined/miou",
    "trusted": "val/trusted",
    "precision": "val/precision",
    "refined_trusted": "refined/trusted",
    "refined_precision": "refined/precision",
}
"""Scores of a run's last validation, by their names in a table; tables that do not ask for them leave them out."""

_PLACEHOLDERS = {"data": "DIR", "light": "LIGHT"}
"""Keys that hold a path of somebody's, and the words that stand in its place."""


def write_results(plan: TablePlan) -> dict[str, Any]:
    """Writes the results so far to the table's file, with charts beside it, and returns them.

    Where a part of the table was asked for, rows that have no run here stay as the file has them: a table can be filled
    on several machines. Each row says which commit made it.
    """
    done = [cell for cell in plan.cells() if plan.folders.scores(cell).exists()]
    records = {cell: read_json(plan.training_folder(cell) / "record.json") for cell in done}
    new = {cell: _cell_results(plan, cell, str(records[cell]["commit"])) for cell in done}
    command = table_command(plan)
    found = {**_kept_results(plan, command), **new}
    definition = plan.definition
    optional = {
        "columns": definition.columns,
        "stops": definition.stops or None,
        "shares": definition.shares or None,
        "also_on": definition.also_on or None,
    }
    controls = {row: list(keys.control) for row, keys in definition.rows.items() if keys.control}
    between = {row: list(keys.between) for row, keys in definition.rows.items() if keys.between}
    results = {
        "name": definition.name,
        "title": definition.title,
        "command": command,
        "commit": ", ".join(dict.fromkeys(name for each in found.values() for name in each["commit"].split(", "))),
        "data": next((record["data"] for record in records.values() if record["data"]), None),
        "hardware": f"{os.cpu_count()} CPU cores",
        "versions": next((record["versions"] for record in records.values()), None),
        "rows": [found[cell] for cell in plan.all_cells() if cell in found],
        "paper": list(definition.paper),
        **{key: list(value) for key, value in optional.items() if value is not None},
        **({"controls": controls} if controls else {}),
        **({"between": between} if between else {}),
    }
    write_json(plan.file, results)
    if found:
        write_text(plan.file.with_suffix(".svg"), results_chart(results))
    if chart := confusion_chart(results):
        write_text(plan.file.with_name(f"{definition.name}-confusion.svg"), chart)
    _write_refinement_charts(plan, done)
    return results


def table_command(plan: TablePlan) -> str:
    """Returns the command that fills the table, without the path of anybody's data."""
    scored = ["--score-on", plan.score_on] if plan.score_on else []
    words = ["seglet", "table", plan.definition.file or plan.definition.name, *scored, *override_words(plan.overrides)]
    return plan.definition.command or shlex.join(words)


def override_words(overrides: Mapping[str, Any]) -> list[str]:
    """Returns keys of an experiment as options of the command line, without the path of anybody's data."""
    words = []
    for key, value in overrides.items():
        values = value if isinstance(value, list | tuple) else [_PLACEHOLDERS.get(key, value)]
        words += [f"--{key}", *("none" if each is None else str(each) for each in values)]
    return words


def results_chart(results: Mapping[str, Any]) -> str:
    """Draws the scores of a table as SVG: over what it varies, or else over the steps of training."""
    if "stops" in results:
        return _darkness_chart(results)
    return _share_chart(results) if "shares" in results else score_chart(results)


def confusion_chart(results: Mapping[str, Any]) -> str:
    """Draws the confusion ratio of rows in images of one class and of several, up to 1; empty if no row has it.

    Each point is the mean over the seeds. Source: DiCLIP, Table VIII and Fig. 10.
    """
    lines: dict[str, list[Curve]] = {}
    for each in results["rows"]:
        found = each.get("confusion_ratio", {})
        values = [(place, found.get(part)) for place, part in enumerate(("single", "cooccurring"))]
        if all(value is not None for _, value in values):
            lines.setdefault(each["row"], []).append([(place, min(float(value), 1.0)) for place, value in values])
    if not lines:
        return ""
    rows = [{"row": row, "curve": mean_curve(curves)} for row, curves in lines.items()]
    title = f"{results['title']}: confusion ratio"
    ticks = {0: "one class", 1: "several"}
    axis = "false for 100 true pixels (above 100 drawn at 100), by the classes in an image"
    return score_chart({"title": title, "rows": rows}, axis, ticks)


def _share_chart(results: Mapping[str, Any]) -> str:
    """Draws the scores over the shares of masks that end the rows' names (`viladiff-1-8`); the rest names the line.

    Each point is the mean over the seeds that its own row has.
    """
    lines: dict[str, Curve] = {}
    for place, share in enumerate(results["shares"]):
        for row in dict.fromkeys(each["row"] for each in results["rows"] if each["row"].endswith(f"-{share}")):
            score = fmean(each["miou"] for each in results["rows"] if each["row"] == row)
            lines.setdefault(row.removesuffix(f"-{share}"), []).append((place, score))
    rows = [{"row": name, "curve": line} for name, line in lines.items()]
    ticks = {place: share.replace("-", "/") for place, share in enumerate(results["shares"])}
    return score_chart({**results, "rows": rows}, "mIoU %, by share of images with masks", ticks)


def _darkness_chart(results: Mapping[str, Any]) -> str:
    """Draws the scores over the stops of light that are taken away."""
    rows = [
        {"row": each["row"], "curve": [[int(stops), miou] for stops, miou in each["stops"].items()]}
        for each in results["rows"]
        if "stops" in each
    ]
    return score_chart({**results, "rows": rows}, "mIoU %, by stops of light taken away")


def _kept_results(plan: TablePlan, command: str) -> dict[Cell, dict[str, Any]]:
    """Returns the results in the table's file that stay because only other rows or seeds were asked for."""
    if not (plan.rows or plan.seeds) or not plan.file.exists():
        return {}
    old = read_json(plan.file)
    if old["command"] != command:
        return {}
    return {
        Cell(each["row"], each["seed"]): {**each, "commit": each.get("commit", old["commit"])} for each in old["rows"]
    }


def _write_refinement_charts(plan: TablePlan, done: Sequence[Cell]) -> None:
    """Writes charts of pseudo labels before and after refinement; none where no run refines them."""
    for key, score in _REFINED_SCORES.items():
        rows = []
        for cell in done:
            metrics = plan.folders.run(cell) / "metrics.jsonl"
            if refined := validation_curve(metrics, f"refined/{key}"):
                rows.append({"row": f"{cell.row}, predicted", "curve": validation_curve(metrics, f"val/{key}")})
                rows.append({"row": f"{cell.row}, refined", "curve": refined})
        if rows:
            content = {"title": f"{plan.definition.title}: pseudo labels", "rows": rows}
            chart = score_chart(content, f"validation {score} %, by step")
            write_text(plan.file.with_name(f"{plan.definition.name}-refined-{key}.svg"), chart)


def _cell_results(plan: TablePlan, cell: Cell, commit: str) -> dict[str, Any]:
    """Reads the results of one finished cell."""
    row, scores = plan.row(cell), read_json(plan.folders.scores(cell))
    known_tags = plan.folders.known_tags(cell)
    found: dict[str, Any] = {**cell._asdict(), **{name: scores[key] for name, key in _SCORES.items()}}
    if "confusion_ratio" in scores:
        found["confusion_ratio"] = scores["confusion_ratio"]["mean"]
    if "cam_curve" in scores:
        found["cam"] = scores["cam_curve"]["best"]["miou"]
    if known_tags.exists():
        of_train = plan.definition.known_tags_on == "train"
        found["known_tags" if of_train else "known_tags_scored"] = read_json(known_tags)["miou"]
    if "parameters" in scores:
        found["parameters"] = scores["parameters"]
    weight = matched_weight(plan, cell) if row.matched_to else effective_weight(plan.folders.run(cell))
    if weight is not None:
        found["effective_weight"] = weight
    if row.supervision:
        found["supervision"] = row.supervision
    metrics = plan.folders.run(cell) / "metrics.jsonl"
    for name in set(_LOGGED) & set(plan.definition.columns or ()):
        if curve := validation_curve(metrics, _LOGGED[name]):
            found[name] = curve[-1][1]
    if plan.definition.stops:
        files = {stops: plan.folders.darkened(cell, stops) for stops in plan.definition.stops}
        if plan.definition.darken is not None:
            files[plan.definition.darken] = plan.folders.scores(cell)
        there = {str(stops): read_json(file) for stops, file in files.items() if file.exists()}
        found["stops"] = {stops: scores["miou"] for stops, scores in there.items()}
        found["stops_ece"] = {stops: scores["ece_10"] for stops, scores in there.items()}
    for split in plan.definition.also_on:
        if (file := plan.folders.split(cell, split)).exists():
            there = read_json(file)
            also = {"miou": there["miou"], "interval": there.get("intervals", {}).get("miou")}
            found.setdefault("splits", {})[split] = also
    return {**found, "commit": commit, "curve": validation_curve(metrics)}


def validation_curve(metrics: Path, key: str = "val/miou") -> list[list[float]]:
    """Reads step and score of each validation; empty where nothing was trained, or the run has no such score."""
    if not metrics.exists():
        return []
    lines = [json.loads(line) for line in metrics.read_text(encoding="utf-8").splitlines()]
    return [[line["step"], round(line[key], 4)] for line in lines if line.get(key) is not None]
