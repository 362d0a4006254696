"""Chart of a label-cost curve as SVG: mIoU over minutes of annotation, with intervals."""

import math
from collections.abc import Sequence
from html import escape

from seglet.results.label_cost.recommendation import CostPoint
from seglet.results.label_cost.times import duration_text

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _ABOVE, _BELOW = 640, 340, 52, 110, 34, 48
_INK, _LINE, _PALE = "#333", "#1f6fb4", "#888"


def cost_chart(points: Sequence[CostPoint], title: str) -> str:
    """Draws each point with its 95 % interval over its minutes, on a logarithmic axis."""
    ordered = sorted(points, key=lambda point: point.minutes)
    least, most = (math.log10(ordered[place].minutes) for place in (0, -1))
    span = (math.floor(least), max(math.ceil(most), math.floor(least) + 1))
    top = min(100, 10 * math.ceil(10 * max(point.interval[1] for point in ordered)) or 10)

    def across(minutes: float) -> float:
        return _LEFT + (math.log10(minutes) - span[0]) / (span[1] - span[0]) * (_WIDTH - _LEFT - _RIGHT)

    def up(score: float) -> float:
        return _HEIGHT - _BELOW - 100 * score / top * (_HEIGHT - _ABOVE - _BELOW)

    path = " ".join(f"{across(point.minutes):.1f},{up(point.mean):.1f}" for point in ordered)
    parts = [f'<polyline points="{path}" fill="none" stroke="{_PALE}" stroke-dasharray="4 4"/>']
    for point in ordered:
        low, high = point.interval
        parts.append(_mark(point, across(point.minutes), (up(point.mean), up(low), up(high))))
    bottom = _HEIGHT - _BELOW
    axes = [f'<path d="M{_LEFT} {_ABOVE}V{bottom}H{_WIDTH - _RIGHT}" fill="none" stroke="{_PALE}"/>']
    for percent in range(0, top + 1, 10):
        axes.append(f'<text x="{_LEFT - 6}" y="{up(percent / 100) + 4:.0f}" text-anchor="end">{percent}</text>')
    for power in range(span[0], span[1] + 1):
        x = across(10**power)
        axes.append(f'<path d="M{x:.0f} {bottom}v5" stroke="{_PALE}"/>')
        axes.append(f'<text x="{x:.0f}" y="{bottom + 18}" text-anchor="middle">{duration_text(10**power)}</text>')
    axes.append(f'<text x="{_LEFT}" y="{_ABOVE - 16}">mIoU %, with 95 % intervals, by time of annotation</text>')
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
    head += f'font-family="sans-serif" font-size="12" fill="{_INK}">'
    return "\n".join([head, f"<title>{escape(title)}</title>", *axes, *parts, "</svg>", ""])


def _mark(point: CostPoint, x: float, heights: tuple[float, float, float]) -> str:
    mean, low, high = heights
    low_value, high_value = (100 * end for end in point.interval)
    tooltip = (
        f"{point.name}: {100 * point.mean:.1f} % ({low_value:.1f} – {high_value:.1f}), {duration_text(point.minutes)}"
    )
    bar = (
        f'<path d="M{x:.1f} {low:.1f}V{high:.1f}M{x - 5:.1f} {low:.1f}h10M{x - 5:.1f} {high:.1f}h10" stroke="{_LINE}"/>'
    )
    dot = f'<circle cx="{x:.1f}" cy="{mean:.1f}" r="4" fill="{_LINE}"><title>{escape(tooltip)}</title></circle>'
    return f'{bar}{dot}<text x="{x + 9:.1f}" y="{mean + 4:.1f}">{escape(point.name)}</text>'
