"""Curves of a results table as an SVG image: one line a row, the mean over its seeds."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

WIDTH, HEIGHT, MARGIN = 640, 320, 48
"""Of the whole, unless names need more."""
NAMES, LETTER = WIDTH - 2.3 * MARGIN, 6.8
"""Where names of rows begin, and what a letter of them takes at most on average."""
COLOURS = ("#4c4c4c", "#1f6fb4", "#2f9e44", "#d9480f", "#9c36b5", "#c2a000", "#0b7285", "#e64980", "#5c940d",
           "#748ffc")  # fmt: skip

Curve = list[tuple[int, float]]


def svg(
    results: Mapping[str, Any], axes: str = "validation mIoU %, by step", ticks: Mapping[int, str] | None = None
) -> str:
    """A score in percent over optimiser steps, or what else `axes` says. Rows of different length keep their own.

    Between the tens below the least and above the greatest score; long or many names make the image larger. `ticks`
    names places along the axis, where they are not the first, middle and last step.
    """
    rows = {row: mean_curve([e["curve"] for e in results["rows"] if e["row"] == row]) for row in _rows(results)}
    rows = {row: curve for row, curve in rows.items() if curve}  # a row may score what another one trained
    points = [point for curve in rows.values() for point in curve]
    last, scores = max((step for step, _ in points), default=1), [score for _, score in points] or [0.0]
    span = range(10 * int(10 * min(scores)), 10 * (1 + int(10 * max(scores))) + 1, 10)
    parts = [_axes(last, span, axes, ticks or {step: str(step) for step in (0, last // 2, last)})]
    for place, (row, curve) in enumerate(rows.items()):
        parts.append(_line(row, [_place(point, last, span) for point in curve], place))
    width = max(WIDTH, round(NAMES + LETTER * max(map(len, rows), default=0)))
    height = max(HEIGHT, round(_name_at(len(rows))))
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif"'
    head += ' font-size="12">'
    return "\n".join([head, f"<title>{escape(results['title'])}</title>", *parts, "</svg>", ""])


def _rows(results: Mapping[str, Any]) -> list[str]:
    return list(dict.fromkeys(entry["row"] for entry in results["rows"]))


def mean_curve(curves: Sequence[Sequence[Sequence[float]]]) -> Curve:
    """The mean over seeds at each step that all of them have."""
    steps = [int(step) for step, _ in curves[0]]
    return [
        (step, sum(score for curve in curves for at, score in curve if at == step) / len(curves))
        for step in steps
        if all(any(at == step for at, _ in curve) for curve in curves)
    ]


def _place(point: tuple[int, float], last: int, span: range) -> tuple[float, float]:
    step, score = point
    across = MARGIN + step / last * (WIDTH - 3.5 * MARGIN)
    return across, HEIGHT - MARGIN - (100 * score - span[0]) / (span[-1] - span[0]) * (HEIGHT - 1.5 * MARGIN)


def _axes(last: int, span: range, said: str, ticks: Mapping[int, str]) -> str:
    right, bottom = _place((last, span[0] / 100), last, span)
    left, high = _place((0, span[-1] / 100), last, span)
    parts = [f'<path d="M{left} {high}V{bottom}H{right:.0f}" fill="none" stroke="#888"/>']
    for tenth in span:
        _, y = _place((0, tenth / 100), last, span)
        parts.append(f'<text x="{left - 6}" y="{y + 4:.0f}" text-anchor="end" fill="#555">{tenth}</text>')
    for step, name in ticks.items():
        x, _ = _place((step, 0.0), last, span)
        parts.append(f'<text x="{x:.0f}" y="{bottom + 18}" text-anchor="middle" fill="#555">{escape(name)}</text>')
    parts.append(f'<text x="{left}" y="{high - 8:.0f}" fill="#555">{escape(said)}</text>')
    return "\n".join(parts)


def _name_at(place: int) -> float:
    return MARGIN / 2 + 18 * place + 12


def _line(row: str, places: Sequence[tuple[float, float]], place: int) -> str:
    colour = COLOURS[place % len(COLOURS)]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    marks = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places)
    key = f'<text x="{NAMES:.0f}" y="{_name_at(place):.0f}" fill="{colour}">{escape(row)}</text>'
    line = f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
    return line + marks + key
