"""Scores by the size of objects, the darkness of images and the number of their classes. Axes: k classes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int64

from seglet.evaluation.scores import class_counts, mean_iou

SIZE_EDGES = (0.01, 0.05, 0.2)
"""Shares of an image that separate sizes of objects."""
STOP_EDGES = (1.0, 3.0, 5.0)
"""Stops of light that an image lacks for middle grey; see `seglet.data.dark.measure`."""
CLASS_NUMBER_EDGES = (1.5, 2.5, 3.5)
"""Numbers of classes in an image, without background, that separate images."""


@dataclass
class BinnedCounts:
    """Class counts by bin: bin i has values from edge i-1 up to, not including, edge i."""

    edges: Sequence[float]
    counts: Int64[np.ndarray, "bins k 3"]
    images: Int64[np.ndarray, " bins"]

    @classmethod
    def of(cls, edges: Sequence[float], num_classes: int) -> "BinnedCounts":
        return cls(edges, np.zeros((len(edges) + 1, num_classes, 3), np.int64), np.zeros(len(edges) + 1, np.int64))

    def add(self, value: float, counts: Int64[np.ndarray, "k 3"]) -> None:
        place = int(np.searchsorted(self.edges, value, side="right"))
        self.counts[place] += counts
        self.images[place] += 1

    def rows(self) -> list[tuple[int, float]]:
        """Returns for each bin the number of entries and the mean IoU, nan without any."""
        return [(int(n), float(mean_iou(part))) for n, part in zip(self.images, self.counts, strict=True)]


class ScoreSlices:
    """Mean IoU by the size of objects, the darkness of images and the number of their classes.

    The size of a class in an image is that of its true pixels there; false alarms in images without any have no size.
    """

    def __init__(self, num_classes: int, background: int | None) -> None:
        self.background = background
        self.size = BinnedCounts.of(SIZE_EDGES, num_classes)
        self.stops = BinnedCounts.of(STOP_EDGES, num_classes)
        self.crowd = BinnedCounts.of(CLASS_NUMBER_EDGES, num_classes)

    def add(self, confusion: Any, stops: float) -> None:
        """Counts one image by its confusion matrix, rows of truth and columns of prediction."""
        counts = class_counts(confusion)
        whole = counts[:, 1].sum()
        shown = np.flatnonzero(counts[:, 1])
        for label in shown:
            alone = np.zeros_like(counts)
            alone[label] = counts[label]
            self.size.add(counts[label, 1] / whole, alone)
        self.stops.add(stops, counts)
        self.crowd.add(len(set(shown.tolist()) - {self.background}), counts)
