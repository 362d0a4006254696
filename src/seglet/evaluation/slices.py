"""Scores of some of the pixels: of small things, of dark images, of crowded ones. Axes: k classes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int64

from seglet.evaluation.scores import marginals, mean_iou

SIZES = (0.01, 0.05, 0.2)
"""Shares of an image that divide what is small from what is large."""
STOPS = (1.0, 3.0, 5.0)
"""Of light that an image lacks for middle grey; see `seglet.data.dark.measure`."""
CROWDS = (1.5, 2.5, 3.5)
"""Numbers of classes in an image, background aside."""


@dataclass
class Slice:
    """Counts by bin: bin i has values from edge i-1 up to, not including, edge i."""

    edges: Sequence[float]
    counts: Int64[np.ndarray, "bins k 3"]
    images: Int64[np.ndarray, " bins"]

    @classmethod
    def of(cls, edges: Sequence[float], num_classes: int) -> "Slice":
        return cls(edges, np.zeros((len(edges) + 1, num_classes, 3), np.int64), np.zeros(len(edges) + 1, np.int64))

    def add(self, value: float, counts: Int64[np.ndarray, "k 3"]) -> None:
        place = int(np.searchsorted(self.edges, value, side="right"))
        self.counts[place] += counts
        self.images[place] += 1

    def rows(self) -> list[tuple[int, float]]:
        """Of each bin the number of images (of sizes: of classes in images), and the mean IoU, nan without any."""
        return [(int(n), float(mean_iou(part))) for n, part in zip(self.images, self.counts, strict=True)]


class Slices:
    """Mean IoU by the size of things, by how dark an image is, and by how many classes it shows.

    A class in an image has the size of its true pixels there; where it has none, its false alarms are of no size.
    """

    def __init__(self, num_classes: int, background: int | None) -> None:
        self.background = background
        self.size = Slice.of(SIZES, num_classes)
        self.stops = Slice.of(STOPS, num_classes)
        self.crowd = Slice.of(CROWDS, num_classes)

    def add(self, confusion: Any, stops: float) -> None:
        """Counts one image by its confusion matrix, rows of truth and columns of prediction."""
        counts = marginals(confusion)
        whole = counts[:, 1].sum()
        shown = np.flatnonzero(counts[:, 1])
        for label in shown:
            alone = np.zeros_like(counts)
            alone[label] = counts[label]
            self.size.add(counts[label, 1] / whole, alone)
        self.stops.add(stops, counts)
        self.crowd.add(len(set(shown.tolist()) - {self.background}), counts)
