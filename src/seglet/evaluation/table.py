"""An evaluation as a table, in percent: plain text, or HTML for notebooks."""

import html
from collections.abc import Mapping, Sequence
from typing import Any

_HEADER = ("class", "IoU %", "95 % interval", "accuracy %", "pixels")

_MEANS = (
    ("mIoU", "miou", "over classes in the truth or the prediction"),
    ("mIoU", "miou_present", "over classes in the truth"),
    ("mIoU", "miou_all", "over all classes, 0 for one in neither"),
    ("pixel accuracy", "pixel_accuracy", "over labelled pixels"),
    ("mean accuracy", "mean_accuracy", "over classes in the truth"),
    ("ECE, 10 bins", "ece_10", "of the top class, equal widths"),
    ("ECE, 15 bins", "ece_15", "of the top class, equal widths"),
)


def evaluation_table(found: Mapping[str, Any]) -> str:
    """Returns a line for each class, then one for each mean, from what `Evaluation.as_dict` returns."""
    means = _mean_rows(found) + _confusion_ratio_lines(found["confusion_ratio"])
    classes = [_HEADER, *_class_rows(found)]
    return "\n".join([*align_columns(classes, ">"), "", *align_columns(means, "<"), "", _size(found)])


def html_evaluation_table(found: Mapping[str, Any]) -> str:
    """Returns the classes and means of `Evaluation.as_dict` as two HTML tables."""
    return _html_rows(_mean_rows(found), ()) + _html_rows(_class_rows(found), _HEADER) + f"<p>{_size(found)}</p>"


def _class_rows(found: Mapping[str, Any]) -> list[tuple[str, str, str, str, str]]:
    return [
        (
            row["name"],
            format_score(row["iou"]),
            format_interval(row["interval"]),
            format_score(row["accuracy"]),
            str(row["pixels"]),
        )
        for row in found["classes"]
    ]


def _mean_rows(found: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    return [
        (label, format_score(found[key]), format_interval(found["intervals"].get(key, (None, None))), meaning)
        for label, key, meaning in _MEANS
    ]


def _size(found: Mapping[str, Any]) -> str:
    return f"{found['images']} images, {found['pixels']} labelled pixels"


def _html_rows(rows: Sequence[Sequence[str]], header: Sequence[str]) -> str:
    head = f"<tr>{''.join(f'<th>{html.escape(cell)}</th>' for cell in header)}</tr>" if header else ""
    lines = (f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table>{head}{''.join(lines)}</table>"


def _confusion_ratio_lines(found: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """Returns lines of the confusion ratio, which is no percentage: 0.5 is one wrong pixel to two right ones."""
    several = sum(part["images"] for part in found["by_number"] if part["classes"] > 1)
    one = sum(part["images"] for part in found["by_number"] if part["classes"] == 1)
    where = {"overall": "false positives over true, mean over classes", "single": f"{one} images of one class",
             "cooccurring": f"{several} images of several classes"}  # fmt: skip
    values = {part: found["mean"][part] for part in where}
    return [
        ("confusion ratio", "–" if value is None else f"{value:.2f}", "", where[part]) for part, value in values.items()
    ]


def align_columns(rows: Sequence[Sequence[str]], last: str) -> list[str]:
    """Pads rows to common widths: first column to the left, last as `last` says (< or >), the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    sides = ["<", *[">"] * (len(widths) - 2), last]
    lines = ("  ".join(f"{c:{s}{w}}" for c, s, w in zip(row, sides, widths, strict=True)) for row in rows)
    return [line.rstrip() for line in lines]


def format_score(fraction: float | None) -> str:
    """Formats a fraction in percent with two decimals; a dash where nothing was measured."""
    return "–" if fraction is None else f"{100 * fraction:.2f}"


def format_interval(ends: Sequence[float | None]) -> str:
    """Formats the ends of an interval in percent; empty where nothing was measured."""
    low, high = ends
    return "" if low is None or high is None else f"{format_score(low)} – {format_score(high)}"
