"""Results of a table as Markdown."""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seglet.files import write_text
from seglet.results.pairs import gap_shares, pair_cells, paired_differences

_COLUMNS = {
    "miou": "mIoU %",
    "known_tags": "with known tags, train: mIoU %",
    "known_tags_scored": "with known tags: mIoU %",
    "cam": "maps, best threshold: mIoU %",
    "guess": "guesses: mIoU %",
    "gap": "of the gap closed %",
    "refined": "refined labels: mIoU %",
    "trusted": "trusted pixels %",
    "precision": "of which right %",
    "refined_trusted": "refined: trusted pixels %",
    "refined_precision": "refined: of which right %",
    "pixel_accuracy": "pixel accuracy %",
    "ece": "ECE % (10 bins)",
    "single": "confusion ratio, one class",
    "cooccurring": "confusion ratio, several",
    "parameters": "parameters, million",
    "effective_weight": "λ that pulls as much",
    "supervision": "learns from",
    "source": "in the paper",
}
"""Scores that a table can show, and their column heads."""

_USUAL_COLUMNS = ("miou", "pixel_accuracy", "ece")
_RATIOS = ("single", "cooccurring")

_PAPER_COLUMNS = {
    "miou": "paper: mIoU %",
    "pixel_accuracy": "paper: pixel accuracy %",
    "ece": "paper: ECE %",
    "single": "paper: ratio, one class",
    "cooccurring": "paper: ratio, several",
}
"""Scores of papers, and their column heads; a table shows those that its paper has."""


def render_results(results: Mapping[str, Any]) -> str:
    """Returns the table in Markdown, with the command, commit and hardware that made it."""
    tables = [_table(table_cells(results))]
    if pairs := paired_differences(results):
        tables.append(_table(pair_cells(pairs)))
    text = "\n\n".join(tables)
    return f"{text}\n\n`{results['command']}`, commit {results['commit']}, {results['hardware']}."


def _table(cells: Sequence[Sequence[str]]) -> str:
    head, *rows = cells
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, ["---"] * len(head), *rows])


def table_cells(results: Mapping[str, Any]) -> list[list[str]]:
    """Returns head and rows: mean ± standard deviation over seeds, with the paper's numbers beside them.

    Where tables of the paper print different numbers for a row, all of them are given: `66.92 / 66.96`.
    """
    paper = results["paper"]
    columns = results.get("columns", _USUAL_COLUMNS)
    stops = results.get("stops", ())
    splits = results.get("also_on", ())
    errors = stops if "stops_ece" in columns else ()
    columns = [name for name in columns if name != "stops_ece"]
    heads = [*map(_stops_head, stops), *(f"{_stops_head(n)}: ECE %" for n in errors)]
    others = [*heads, *(f"{split}: mIoU %" for split in splits)]
    head = ["row", *(_COLUMNS[name] for name in columns), *others, "seeds"]
    theirs = [name for name in _PAPER_COLUMNS if any(name in entry for entry in paper)]
    gaps = gap_shares(results)
    lines = [[*head, *(_PAPER_COLUMNS[name] for name in theirs)]]
    for row in dict.fromkeys(entry["row"] for entry in results["rows"]):
        runs = [entry for entry in results["rows"] if entry["row"] == row]
        darker = [
            _mean([100 * run[key][str(n)] for run in runs if str(n) in run.get(key, {})])
            for key, every in (("stops", stops), ("stops_ece", errors))
            for n in every
        ]
        printed = [entry for entry in paper if entry["row"] == row]
        ours = [_printed("source", printed, ", ") if name == "source" else _cell(name, runs) for name in columns]
        ours = [_mean(gaps.get(row, ())) if name == "gap" else one for name, one in zip(columns, ours, strict=True)]
        darker += [
            _mean([100 * run["splits"][s]["miou"] for run in runs if s in run.get("splits", {})]) for s in splits
        ]
        lines.append([row, *ours, *darker, str(len(runs)), *(_printed(name, printed, " / ") for name in theirs)])
    return lines


def _printed(name: str, entries: Sequence[Mapping[str, Any]], between: str) -> str:
    """Returns what a paper prints about a row, each different value once: its tables may not agree."""
    return between.join(dict.fromkeys(str(entry[name]) for entry in entries if name in entry))


def _stops_head(stops: int) -> str:
    """Returns the column head of mIoU with so much less light."""
    return f"{stops} stop{'s' if stops > 1 else ''}" if stops else "all light"


def _cell(name: str, runs: Sequence[Mapping[str, Any]]) -> str:
    """Returns the score over the runs of a row; empty if the row has no such score."""
    if name in _RATIOS:
        return _mean([run["confusion_ratio"][name] for run in runs if run["confusion_ratio"][name] is not None])
    if name in ("parameters", "supervision"):
        value = runs[0].get(name, "")
        return f"{value / 1e6:.2f}" if name == "parameters" and value else str(value)
    if name == "effective_weight":
        return _mean([run[name] for run in runs if name in run])
    return _mean([100 * run[name] for run in runs if run.get(name) is not None])


def _mean(values: Sequence[float]) -> str:
    if not values:
        return ""
    return f"{statistics.fmean(values):.2f}" + (f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else "")


def paste_into_page(page: Path, results: Mapping[str, Any]) -> None:
    """Writes the table between the marks `<!-- results:NAME -->` and `<!-- /results:NAME -->` of a page.

    Raises:
        ValueError: the page has no such marks.
    """
    begin, end = f"<!-- results:{results['name']} -->", f"<!-- /results:{results['name']} -->"
    content = page.read_text(encoding="utf-8")
    if begin not in content or end not in content:
        raise ValueError(f"{page} has no block from {begin} to {end}; add both lines where the table belongs")
    head, _, rest = content.partition(begin)
    write_text(page, f"{head}{begin}\n{render_results(results)}\n{end}{rest.partition(end)[2]}")
