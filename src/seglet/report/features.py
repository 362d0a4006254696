"""Section of a report about features: their layout for each subject, and pairs of classes that are confused.

Axes: n pixels, c channels, k classes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from jaxtyping import Float, Int64

from seglet.report import charts
from seglet.report.embedding import share_of_like_neighbours, tsne
from seglet.report.scores import ReportScores
from seglet.report.subject import ReportSubject
from seglet.types import Classes

_FEWEST = 3
"""Pixels below which there is nothing to lay out."""


@dataclass(frozen=True)
class FeatureLayout:
    """Features of pixels of one subject, their true classes, and their places on the plane."""

    name: str
    classes: Classes
    features: Float[np.ndarray, "n c"]
    labels: Int64[np.ndarray, " n"]
    places: Float[np.ndarray, "n 2"]

    def chart(self, title: str, chosen: Sequence[int]) -> str:
        """Draws the pixels of the chosen classes; empty if there are none."""
        dots = [
            (float(x), float(y), "#{:02x}{:02x}{:02x}".format(*self.classes.colours[label]), self.classes.names[label])
            for (x, y), label in zip(self.places, self.labels.tolist(), strict=True)
            if label in chosen
        ]
        return charts.scatter_chart(f"{title}, {self.name}", dots)

    def like_neighbours(self, chosen: Sequence[int]) -> float | None:
        """Returns the share of the chosen classes' pixels whose nearest one is of their class; None if it has none."""
        kept = np.isin(self.labels, chosen)
        return share_of_like_neighbours(self.features[kept], self.labels[kept])


def features_section(subjects: Sequence[ReportSubject], scores: Sequence[ReportScores], pairs: int = 0) -> str:
    """Renders the layout of each subject's features side by side; empty if none has any.

    Below are the `pairs` pairs of classes that the first subject confuses most, with their pixels alone.
    """
    layouts = [lay_out(subject, each) for subject, each in zip(subjects, scores, strict=True)]
    shown = [layout for layout in layouts if layout is not None]
    if not shown:
        return ""
    chosen = sorted({label for layout in shown for label in layout.labels.tolist()})
    without = [subject.name for subject, layout in zip(subjects, layouts, strict=True) if layout is None]
    missing = f" {escape(', '.join(without))}: no features to draw." if without else ""
    return (
        "<h2>Features</h2><p>Features of a few pixels of every class, laid out by t-SNE: similar features lie "
        "together, distances between groups mean little, and each network has a plane of its own. Below each is the "
        f"share of the pixels shown whose nearest neighbour, before the layout, is of their class.{missing}</p>"
        f"{_row(shown, 'Features of pixels, coloured by their true class', chosen)}{_key(shown[0].classes, chosen)}"
        f"{''.join(_pairs(shown, scores[0], pairs))}"
    )


def lay_out(subject: ReportSubject, scores: ReportScores) -> FeatureLayout | None:
    """Lays a subject's features out by t-SNE; None if there are fewer than three pixels."""
    if len(scores.features) < _FEWEST:
        return None
    features, labels = np.stack(scores.features), np.asarray(scores.feature_labels, np.int64)
    return FeatureLayout(subject.name, subject.model.classes, features, labels, tsne(features))


def most_confused_pairs(confusion: Int64[np.ndarray, "k k"], count: int) -> list[tuple[int, int, float]]:
    """Returns the pairs of classes that are confused most, and the mean of their two shares of wrong pixels.

    The shares are those of the true class that are predicted as the other one; classes without a pixel have none.
    Pairs that are never confused are left out. Rows of `confusion` are true classes.
    """
    shares = confusion / confusion.sum(axis=1, keepdims=True).clip(1)
    both = (shares + shares.T) / 2
    ranked = sorted(zip(*np.triu_indices(len(both), 1), strict=True), key=lambda pair: -both[pair])
    return [(int(a), int(b), float(both[a, b])) for a, b in ranked[:count] if both[a, b] > 0]


def _pairs(layouts: Sequence[FeatureLayout], scores: ReportScores, count: int) -> Iterator[str]:
    classes = layouts[0].classes
    found = most_confused_pairs(scores.evaluation.confusion.numpy(), count)
    if count and not found:
        yield "<p>No pair of classes is confused.</p>"
    for first, second, share in found:
        names = f"{classes.names[first]} and {classes.names[second]}"
        yield (
            f"<h3>{escape(names)}: {100 * share:.1f} % confused</h3>"
            f"{_row(layouts, f'Features of {names}', (first, second))}{_key(classes, (first, second))}"
        )


def _row(layouts: Sequence[FeatureLayout], title: str, chosen: Sequence[int]) -> str:
    """Renders the chosen classes of all layouts side by side."""
    parts = []
    for layout in layouts:
        share = layout.like_neighbours(chosen)
        like = "" if share is None else f"<p>Neighbours of the same class: {100 * share:.0f} %</p>"
        parts.append(f"<div><h4>{escape(layout.name)}</h4>{layout.chart(title, chosen)}{like}</div>")
    return f'<div class="row">{"".join(parts)}</div>'


def _key(classes: Classes, chosen: Sequence[int]) -> str:
    names = (f"{charts.colour_swatch(classes.colours[label])}{escape(classes.names[label])}" for label in chosen)
    return f"<p>{' '.join(f'<span>{name}</span>' for name in names)}</p>"
