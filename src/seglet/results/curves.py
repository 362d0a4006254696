"""Line charts of results as SVG: a line for each row, the mean over its seeds."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

_WIDTH, _HEIGHT, _MARGIN = 640, 320, 48
"""Size of the chart in pixels, unless the names of rows need more, and the space around its axes."""
_NAMES_LEFT, _LETTER_WIDTH = _WIDTH - 2.3 * _MARGIN, 6.8
"""Left edge of the rows' names, and the width of a letter on average."""
_COLOURS = ("#4c4c4c", "#1f6fb4", "#2f9e44", "#d9480f", "#9c36b5", "#c2a000", "#0b7285", "#e64980", "#5c940d",
            "#748ffc")  # fmt: skip

Curve = list[tuple[int, float]]
"""Steps and scores."""


def score_chart(
    results: Mapping[str, Any], title: str = "validation mIoU %, by step", ticks: Mapping[int, str] | None = None
) -> str:
    """Draws the rows' scores in percent over optimiser steps, or over what else the `title` of the axes says.

    The vertical axis runs from the ten below the least score to the ten above the greatest; long or many names make
    the image larger. Curves of different length keep their own. `ticks` names places along the horizontal axis, where
    they are not the first, middle and last step.
    """
    names = dict.fromkeys(entry["row"] for entry in results["rows"])
    rows = {row: mean_curve([e["curve"] for e in results["rows"] if e["row"] == row]) for row in names}
    rows = {row: curve for row, curve in rows.items() if curve}  # a row may score what another one trained
    points = [point for curve in rows.values() for point in curve]
    last, scores = max((step for step, _ in points), default=1), [score for _, score in points] or [0.0]
    span = range(10 * int(10 * min(scores)), 10 * (1 + int(10 * max(scores))) + 1, 10)
    parts = [_axes(last, span, title, ticks or {step: str(step) for step in (0, last // 2, last)})]
    for index, (row, curve) in enumerate(rows.items()):
        parts.append(_line(row, [_position(point, last, span) for point in curve], index))
    width = max(_WIDTH, round(_NAMES_LEFT + _LETTER_WIDTH * max(map(len, rows), default=0)))
    height = max(_HEIGHT, round(_name_height(len(rows))))
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif"'
    head += ' font-size="12">'
    return "\n".join([head, f"<title>{escape(results['title'])}</title>", *parts, "</svg>", ""])


def mean_curve(curves: Sequence[Sequence[Sequence[float]]]) -> Curve:
    """Returns the mean over seeds at each step that all of them have."""
    steps = [int(step) for step, _ in curves[0]]
    return [
        (step, sum(score for curve in curves for at, score in curve if at == step) / len(curves))
        for step in steps
        if all(any(at == step for at, _ in curve) for curve in curves)
    ]


def _position(point: tuple[int, float], last: int, span: range) -> tuple[float, float]:
    """Returns x and y, in pixels, of a step and a score."""
    step, score = point
    across = _MARGIN + step / last * (_WIDTH - 3.5 * _MARGIN)
    return across, _HEIGHT - _MARGIN - (100 * score - span[0]) / (span[-1] - span[0]) * (_HEIGHT - 1.5 * _MARGIN)


def _axes(last: int, span: range, title: str, ticks: Mapping[int, str]) -> str:
    right, bottom = _position((last, span[0] / 100), last, span)
    left, high = _position((0, span[-1] / 100), last, span)
    parts = [f'<path d="M{left} {high}V{bottom}H{right:.0f}" fill="none" stroke="#888"/>']
    for tenth in span:
        _, y = _position((0, tenth / 100), last, span)
        parts.append(f'<text x="{left - 6}" y="{y + 4:.0f}" text-anchor="end" fill="#555">{tenth}</text>')
    for step, name in ticks.items():
        x, _ = _position((step, 0.0), last, span)
        parts.append(f'<text x="{x:.0f}" y="{bottom + 18}" text-anchor="middle" fill="#555">{escape(name)}</text>')
    parts.append(f'<text x="{left}" y="{high - 8:.0f}" fill="#555">{escape(title)}</text>')
    return "\n".join(parts)


def _name_height(index: int) -> float:
    """Returns y, in pixels, of the name of the row with this index."""
    return _MARGIN / 2 + 18 * index + 12


def _line(row: str, positions: Sequence[tuple[float, float]], index: int) -> str:
    colour = _COLOURS[index % len(_COLOURS)]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in positions)
    marks = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in positions)
    name = f'<text x="{_NAMES_LEFT:.0f}" y="{_name_height(index):.0f}" fill="{colour}">{escape(row)}</text>'
    line = f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
    return line + marks + name
