"""What the finished rows of a table came to: one file of results, and their curves as images."""

import json
import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from seglet.files import read_json, write_json, write_text
from seglet.results.curves import Curve, svg
from seglet.results.runner import Table, shown

SCORES = {"miou": "miou", "pixel_accuracy": "pixel_accuracy", "ece": "ece_10", "ece_15": "ece_15"}
"""Names in a table, and in an evaluation."""

REFINED = {"miou": "mIoU", "boundary_iou": "boundary IoU"}
"""What pseudo labels are scored by before and after refinement, and its name."""

Cell = tuple[str, int]


def write(table: Table) -> dict[str, Any]:
    """The results so far, in the table's file.

    Where a part of the table was asked for, rows that have no run here stay as the file has them: a table can be filled
    on several machines. Each row says which commit made it.
    """
    done = [cell for cell in table.cells() if (table.folder(*cell) / "scores.json").exists()]
    command = table.content.get("command") or shlex.join(["seglet", "table", table.name, *shown(table.overrides)])
    before = kept(table, command)
    records = {cell: read_json(table.trained(*cell) / "record.json") for cell in done}
    found = {**before, **{cell: result(table, *cell, str(records[cell]["commit"])) for cell in done}}
    results = {
        "name": table.name,
        "title": table.content["title"],
        "command": command,
        "commit": ", ".join(dict.fromkeys(name for each in found.values() for name in each["commit"].split(", "))),
        "data": next((record["data"] for record in records.values() if record["data"]), None),
        "hardware": f"{os.cpu_count()} CPU cores",
        "versions": next((record["versions"] for record in records.values()), None),
        "rows": [found[cell] for cell in table.every_cell() if cell in found],
        "paper": table.content["paper"],
        **{key: table.content[key] for key in ("columns", "stops", "shares") if key in table.content},
    }
    write_json(table.file, results)
    if found:
        write_text(table.file.with_suffix(".svg"), drawn(results))
    draw_refinement(table, done)
    return results


def drawn(results: Mapping[str, Any]) -> str:
    """The curves of a table: over what it varies, or else over the steps of training."""
    if "stops" in results:
        return by_darkness(results)
    return by_share(results) if "shares" in results else svg(results)


def by_share(results: Mapping[str, Any]) -> str:
    """A table's scores over the shares of masks that end its rows' names (`viladiff-1-8`); the rest names the line.

    Each point is the mean over the seeds that its own row has.
    """
    lines: dict[str, Curve] = {}
    for place, share in enumerate(results["shares"]):
        for row in dict.fromkeys(each["row"] for each in results["rows"] if each["row"].endswith(f"-{share}")):
            score = fmean(each["miou"] for each in results["rows"] if each["row"] == row)
            lines.setdefault(row.removesuffix(f"-{share}"), []).append((place, score))
    rows = [{"row": name, "curve": line} for name, line in lines.items()]
    ticks = {place: share.replace("-", "/") for place, share in enumerate(results["shares"])}
    return svg({**results, "rows": rows}, "mIoU %, by share of images with masks", ticks)


def by_darkness(results: Mapping[str, Any]) -> str:
    """The curve of a table that is scored with ever less light."""
    rows = [
        {"row": each["row"], "curve": [[int(stops), miou] for stops, miou in each["stops"].items()]}
        for each in results["rows"]
        if "stops" in each
    ]
    return svg({**results, "rows": rows}, "mIoU %, by stops of light taken away")


def kept(table: Table, command: str) -> dict[Cell, dict[str, Any]]:
    """Rows in the table's file that stay, where only other rows or seeds were asked for."""
    if not (table.rows or table.seeds) or not table.file.exists():
        return {}
    old = read_json(table.file)
    if old["command"] != command:
        return {}
    return {(each["row"], each["seed"]): {**each, "commit": each.get("commit", old["commit"])} for each in old["rows"]}


def draw_refinement(table: Table, done: Sequence[Cell]) -> None:
    """Curves of pseudo labels before and after refinement, beside the results; none where no run refines them."""
    for key, measure in REFINED.items():
        entries = [
            {"row": f"{row}, {said}", "curve": curve(table.folder(row, seed) / "metrics.jsonl", f"{kind}/{key}")}
            for row, seed in done
            for kind, said in (("val", "as guessed"), ("refined", "refined"))
            if curve(table.folder(row, seed) / "metrics.jsonl", f"refined/{key}")
        ]
        if entries:
            drawn = svg(
                {"title": f"{table.content['title']}: pseudo labels", "rows": entries},
                f"validation {measure} %, by step",
            )
            write_text(table.file.with_name(f"{table.name}-refined-{key}.svg"), drawn)


def result(table: Table, row: str, seed: int, commit: str) -> dict[str, Any]:
    """What one run came to."""
    folder, supervision = table.folder(row, seed), table.recipe(row).supervision
    scores, known = read_json(folder / "scores.json"), folder / "known-tags.json"
    found: dict[str, Any] = {"row": row, "seed": seed, **{name: scores[key] for name, key in SCORES.items()}}
    if "confusion_ratio" in scores:
        found["confusion_ratio"] = scores["confusion_ratio"]["mean"]
    if "cam_curve" in scores:
        found["cam"] = scores["cam_curve"]["best"]["miou"]
    if known.exists():
        found["known_tags"] = read_json(known)["miou"]
    if "parameters" in scores:
        found["parameters"] = scores["parameters"]
    if supervision:
        found["supervision"] = supervision
    if table.stops:
        files = {stops: table.stops_file(row, seed, stops) for stops in table.stops}
        found["stops"] = {str(stops): read_json(file)["miou"] for stops, file in files.items() if file.exists()}
    return {**found, "commit": commit, "curve": curve(folder / "metrics.jsonl")}


def curve(metrics: Path, key: str = "val/miou") -> list[list[float]]:
    """Step and score of each validation; none where nothing was trained, or it has no such score."""
    if not metrics.exists():
        return []
    lines = [json.loads(line) for line in metrics.read_text(encoding="utf-8").splitlines()]
    return [[line["step"], round(line[key], 4)] for line in lines if line.get(key) is not None]
