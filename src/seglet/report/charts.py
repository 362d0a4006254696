"""Charts as SVG, without style or script; each has a title for screen readers."""

import math
from collections.abc import Mapping, Sequence
from html import escape

_WIDTH, _HEIGHT, _LEFT, _BELOW, _ABOVE, _RIGHT = 460, 240, 48, 34, 14, 12
_INK, _PALE = "currentColor", "#888"
_LINE_COLOURS = ("#0b6fa4", "#c2410c", "#4d7c0f", "#7e22ce", "#b91c1c", "#0f766e", "#a16207", "#475569")
_Point = tuple[float, float]


def line_chart(title: str, series: Mapping[str, Sequence[_Point]], percent: bool = False) -> str:
    """Draws a line for each name over steps; empty if there are no points."""
    points = [point for curve in series.values() for point in curve]
    if not points:
        return ""
    low, high = min(0.0, *(y for _, y in points)), max(y for _, y in points)
    axes = _Axes((min(x for x, _ in points), max(x for x, _ in points)), (low, high if high > low else low + 1))
    parts = [axes.lines(percent)]
    for number, (name, curve) in enumerate(series.items()):
        colour = _LINE_COLOURS[number % len(_LINE_COLOURS)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(axes.at, curve))
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        y = _ABOVE + 12 + 15 * number
        parts.append(f'<text x="{_LEFT + 8}" y="{y}" fill="{colour}" font-size="12">{escape(name)}</text>')
    return _svg(title, parts)


def reliability_chart(title: str, bars: Sequence[tuple[float, float, float, int]]) -> str:
    """Draws accuracy by confidence, with the diagonal where both agree; bars are (lower, upper, accuracy, pixels)."""
    axes = _Axes((0, 1), (0, 1))
    parts = [axes.lines(True)]
    for lower, upper, accuracy, count in bars:
        if count and math.isfinite(accuracy):
            (x0, y0), (x1, y1) = axes.at((lower, 0)), axes.at((upper, accuracy))
            tooltip = (
                f"<title>confidence {lower:.2f} to {upper:.2f}: {100 * accuracy:.1f} % correct, {count} pixels</title>"
            )
            shape = f'x="{x0 + 1:.1f}" y="{y1:.1f}" width="{x1 - x0 - 2:.1f}" height="{y0 - y1:.1f}"'
            parts.append(f'<rect {shape} fill="{_LINE_COLOURS[0]}">{tooltip}</rect>')
    (x0, y0), (x1, y1) = axes.at((0, 0)), axes.at((1, 1))
    parts.append(f'<path d="M{x0} {y0}L{x1} {y1}" stroke="{_INK}" stroke-dasharray="4 4"/>')
    return _svg(title, parts)


def interval_chart(title: str, rows: Sequence[tuple[str, float | None, float | None, float | None]]) -> str:
    """Draws a bar for each row (name, value, low, high) from 0 to 1, with its interval."""
    height, left, wide = 22, 150, 280
    parts = []
    for number, (name, value, low, high) in enumerate(rows):
        y = number * height
        parts.append(
            f'<text x="{left - 8}" y="{y + 15}" text-anchor="end" font-size="12" fill="{_INK}">{_short(name)}</text>'
        )
        if value is None:
            continue
        parts.append(f'<rect x="{left}" y="{y + 4}" width="{wide * value:.1f}" height="14" fill="{_LINE_COLOURS[0]}"/>')
        if low is not None and high is not None:
            line = f"M{left + wide * low:.1f} {y + 11}H{left + wide * high:.1f}"
            parts.append(f'<path d="{line}" stroke="{_LINE_COLOURS[1]}" stroke-width="3"/>')
    return _svg(title, parts, (left + wide + 10, max(1, len(rows)) * height))


def scatter_chart(title: str, points: Sequence[tuple[float, float, str, str]]) -> str:
    """Draws dots (x, y, colour, name), scaled to fit; empty if there are none."""
    if not points:
        return ""
    xs, ys = [point[0] for point in points], [point[1] for point in points]
    axes = _Axes((min(xs), max(xs)), (min(ys), max(ys)))
    parts = [
        f'<circle cx="{axes.at((x, y))[0]:.1f}" cy="{axes.at((x, y))[1]:.1f}" r="3.5" fill="{colour}" stroke="#555" '
        f'stroke-width=".5"><title>{escape(name)}</title></circle>'
        for x, y, colour, name in points
    ]
    return _svg(title, parts)


def colour_swatch(colour: Sequence[int]) -> str:
    """Draws a small square in the colour of a class."""
    shade = "#{:02x}{:02x}{:02x}".format(*colour)
    square = f'<rect width="12" height="12" fill="{shade}" stroke="#555"/>'
    return f'<svg class="swatch" width="12" height="12" aria-hidden="true">{square}</svg>'


class _Axes:
    """Scale from values to positions in a chart."""

    def __init__(self, across: _Point, up: _Point) -> None:
        self.across, self.up = across, up

    def at(self, point: _Point) -> _Point:
        """Returns the position of a point in pixels."""
        (x0, x1), (y0, y1) = self.across, self.up
        x = (point[0] - x0) / ((x1 - x0) or 1)
        y = (point[1] - y0) / ((y1 - y0) or 1)
        return _LEFT + x * (_WIDTH - _LEFT - _RIGHT), _HEIGHT - _BELOW - y * (_HEIGHT - _BELOW - _ABOVE)

    def lines(self, percent: bool) -> str:
        """Draws the axes and their numbers."""
        left, bottom = self.at((self.across[0], self.up[0]))
        right, top = self.at((self.across[1], self.up[1]))
        parts = [f'<path d="M{left} {top}V{bottom}H{right}" fill="none" stroke="{_PALE}"/>']
        for share in (0, 0.25, 0.5, 0.75, 1):
            value = self.up[0] + share * (self.up[1] - self.up[0])
            y = self.at((self.across[0], value))[1]
            number = f"{100 * value:.0f} %" if percent else f"{value:.3g}"
            parts.append(
                f'<text x="{left - 5}" y="{y + 4:.0f}" text-anchor="end" font-size="11" fill="{_INK}">{number}</text>'
            )
        for share in (0, 0.5, 1):
            value = self.across[0] + share * (self.across[1] - self.across[0])
            x = self.at((value, self.up[0]))[0]
            anchor = "end" if share == 1 else "middle"
            text = f'<text x="{x:.0f}" y="{bottom + 18:.0f}" text-anchor="{anchor}" font-size="11" fill="{_INK}">'
            parts.append(f"{text}{value:.4g}</text>")
        return "".join(parts)


def _svg(title: str, parts: Sequence[str], size: tuple[int, int] = (_WIDTH, _HEIGHT)) -> str:
    opening = f'<svg viewBox="0 0 {size[0]} {size[1]}" width="{size[0]}" role="img"><title>{escape(title)}</title>'
    return f"{opening}{''.join(parts)}</svg>"


def _short(name: str) -> str:
    return escape(name if len(name) <= 20 else f"{name[:19]}…")
