"""Scores of a confusion matrix: intersection over union and accuracies.

All scores are fractions in [0, 1], nan where there is nothing to measure.
Axes: k classes. Counts hold, for each class, the pixels of its intersection, its truth and its prediction; leading
axes (replicas of a bootstrap) are kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float64, Int64, Integer
from torch import Tensor

IouConvention = Literal["either", "present", "all"]
"""Classes over which a mean IoU is taken.

either: those in the truth or the prediction, as a class in neither cannot be right or wrong (our default, Pascal VOC).
present: those in the truth; a false alarm then costs only the class it covers.
all: every class, 0 for one that is in neither (CIRKD, UniMatch).
"""

IOU_CONVENTIONS: tuple[IouConvention, ...] = ("either", "present", "all")

ClassCounts = Int64[np.ndarray, "*replicas k 3"]


def class_counts(confusion: Integer[Tensor, "k k"] | Integer[np.ndarray, "k k"]) -> Int64[np.ndarray, "k 3"]:
    """Computes intersection, truth and prediction of each class from rows of truth and columns of prediction."""
    matrix = np.asarray(confusion, dtype=np.int64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"expected a square confusion matrix, got shape {matrix.shape}")
    return np.stack([matrix.diagonal(), matrix.sum(1), matrix.sum(0)], axis=-1)


def class_iou(counts: ClassCounts) -> Float64[np.ndarray, "*replicas k"]:
    """Computes the intersection over union of each class, nan for one in neither truth nor prediction."""
    intersection, truth, prediction = np.moveaxis(counts, -1, 0)
    return safe_ratio(intersection, truth + prediction - intersection)


def class_accuracy(counts: ClassCounts) -> Float64[np.ndarray, "*replicas k"]:
    """Computes the share of each class's pixels that are found (recall), nan for one absent from the truth."""
    return safe_ratio(counts[..., 0], counts[..., 1])


def mean_iou(counts: ClassCounts, convention: IouConvention = "either") -> Float64[np.ndarray, "*replicas"]:
    """Computes the mean IoU over the classes that the convention names, nan if there are none."""
    if convention not in IOU_CONVENTIONS:
        raise ValueError(f"expected a convention of {', '.join(IOU_CONVENTIONS)}, got {convention!r}")
    truth, prediction = counts[..., 1], counts[..., 2]
    kept = {"either": truth + prediction > 0, "present": truth > 0, "all": truth >= 0}[convention]
    return _mean(class_iou(counts), kept)


def pixel_accuracy(counts: ClassCounts) -> Float64[np.ndarray, "*replicas"]:
    """Computes the share of labelled pixels that are right."""
    return safe_ratio(counts[..., 0].sum(-1), counts[..., 1].sum(-1))


def mean_accuracy(counts: ClassCounts) -> Float64[np.ndarray, "*replicas"]:
    """Computes the mean of the class accuracies over the classes in the truth."""
    return _mean(class_accuracy(counts), counts[..., 1] > 0)


def safe_ratio(part: np.ndarray | np.generic, whole: np.ndarray | np.generic) -> Float64[np.ndarray, "..."]:
    """Divides `part` by `whole`; nan where `whole` is 0."""
    part, whole = np.broadcast_arrays(np.asarray(part, np.float64), np.asarray(whole, np.float64))
    result = np.full(part.shape, np.nan)
    np.divide(part, whole, out=result, where=whole > 0)
    return result


def _mean(values: np.ndarray, kept: np.ndarray) -> Float64[np.ndarray, "*replicas"]:
    return safe_ratio(np.where(kept, np.nan_to_num(values), 0).sum(-1), kept.sum(-1))


@dataclass(frozen=True)
class Scores:
    """Scores of one confusion matrix, with the names of its classes."""

    names: tuple[str, ...]
    counts: Int64[np.ndarray, "k 3"]

    @classmethod
    def from_confusion(
        cls, matrix: Integer[Tensor, "k k"] | Integer[np.ndarray, "k k"], names: Sequence[str] | None = None
    ) -> "Scores":
        """Builds the scores of a confusion matrix, rows of truth and columns of prediction.

        Raises:
            ValueError: the matrix is not square, or there are more or fewer names than classes.
        """
        counts = class_counts(matrix)
        names = tuple(map(str, range(len(counts)))) if names is None else tuple(names)
        if len(names) != len(counts):
            raise ValueError(f"{len(names)} names for a confusion matrix of {len(counts)} classes; give each class one")
        return cls(names, counts)

    @property
    def iou(self) -> Float64[np.ndarray, " k"]:
        """Intersection over union of each class."""
        return class_iou(self.counts)

    @property
    def class_accuracy(self) -> Float64[np.ndarray, " k"]:
        """Accuracy (recall) of each class."""
        return class_accuracy(self.counts)

    def mean_iou(self, convention: IouConvention = "either") -> float:
        """Computes the mean IoU over the classes that the convention names."""
        return float(mean_iou(self.counts, convention))

    @property
    def pixel_accuracy(self) -> float:
        """Share of labelled pixels that are right."""
        return float(pixel_accuracy(self.counts))

    @property
    def mean_accuracy(self) -> float:
        """Mean of the class accuracies."""
        return float(mean_accuracy(self.counts))
