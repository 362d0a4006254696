"""Results as Markdown tables."""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

COLUMNS = {
    "miou": "mIoU %",
    "known_tags": "with known tags, train: mIoU %",
    "cam": "maps, best threshold: mIoU %",
    "pixel_accuracy": "pixel accuracy %",
    "ece": "ECE % (10 bins)",
    "single": "confusion ratio, one class",
    "cooccurring": "confusion ratio, several",
    "parameters": "parameters, million",
    "supervision": "learns from",
}
"""Scores that a table can show, and what they are called there."""


USUAL = ("miou", "pixel_accuracy", "ece")


RATIOS = ("single", "cooccurring")


PAPER = {
    "miou": "paper: mIoU %",
    "pixel_accuracy": "paper: pixel accuracy %",
    "ece": "paper: ECE %",
    "single": "paper: ratio, one class",
    "cooccurring": "paper: ratio, several",
}
"""Scores of a paper, of which those stand beside ours that it has."""


def render(results: Mapping[str, Any]) -> str:
    """The table in Markdown, and where it comes from."""
    head, *rows = cells(results)
    lines = [head, ["---"] * len(head), *rows]
    table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return f"{table}\n\n`{results['command']}`, commit {results['commit']}, {results['hardware']}."


def cells(results: Mapping[str, Any]) -> list[list[str]]:
    """Head and rows: mean ± standard deviation over seeds, with the paper's numbers beside them."""
    paper: dict[str, dict[str, Any]] = {}
    for entry in results["paper"]:
        paper.setdefault(entry["row"], {}).update(entry)
    shown = results.get("columns", USUAL)
    degrees = results.get("stops", ())
    head = ["row", *(COLUMNS[name] for name in shown), *map(_stops, degrees), "seeds"]
    theirs = [name for name in PAPER if any(name in entry for entry in paper.values())]
    lines = [[*head, *(PAPER[name] for name in theirs)]]
    for row in dict.fromkeys(entry["row"] for entry in results["rows"]):
        runs = [entry for entry in results["rows"] if entry["row"] == row]
        darker = [
            _mean([100 * run["stops"][str(n)] for run in runs if str(n) in run.get("stops", {})]) for n in degrees
        ]
        line = [row, *(_cell(name, runs) for name in shown), *darker, str(len(runs))]
        lines.append(line + [str(paper.get(row, {}).get(name, "")) for name in theirs])
    return lines


def _stops(stops: int) -> str:
    """What mIoU with so much less light is called."""
    return f"{stops} stop{'s' if stops > 1 else ''}" if stops else "all light"


def _cell(name: str, runs: Sequence[Mapping[str, Any]]) -> str:
    """Of the runs of a row; empty where the row has no such score."""
    if name in RATIOS:
        return _mean([run["confusion_ratio"][name] for run in runs if run["confusion_ratio"][name] is not None])
    if name in ("parameters", "supervision"):
        value = runs[0].get(name, "")
        return f"{value / 1e6:.2f}" if name == "parameters" and value else str(value)
    return _mean([100 * run[name] for run in runs if run.get(name) is not None])


def _mean(values: Sequence[float]) -> str:
    if not values:
        return ""
    return f"{statistics.fmean(values):.2f}" + (f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else "")


def paste(page: Path, results: Mapping[str, Any]) -> None:
    """Writes the rendered table between the marks `<!-- results:NAME -->` and `<!-- /results:NAME -->` of a page.

    Raises:
        ValueError: the page has no such marks.
    """
    from seglet.files import write_text

    begin, end = f"<!-- results:{results['name']} -->", f"<!-- /results:{results['name']} -->"
    content = page.read_text(encoding="utf-8")
    if begin not in content or end not in content:
        raise ValueError(f"{page} has no block from {begin} to {end}; add both lines where the table belongs")
    head, _, rest = content.partition(begin)
    write_text(page, f"{head}{begin}\n{render(results)}\n{end}{rest.partition(end)[2]}")
