"""Quality of pseudo labels where the truth is known: the share of trusted pixels, and of right ones among them.

Axes: k classes, h rows, w columns. All scores are fractions in [0, 1], nan where there is nothing to measure.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float64, Integer
from torch import Tensor

from seglet.evaluation.confusion import confusion_matrix, sum_over_processes
from seglet.evaluation.scores import (
    ClassCounts,
    IouConvention,
    class_accuracy,
    class_counts,
    class_iou,
    mean_iou,
    safe_ratio,
)
from seglet.types import IGNORE, Classes


class PseudoLabelQuality:
    """Counts of pixels by true class and pseudo label, with one more column for pixels that are not trusted.

    A pixel is trusted if its pseudo label is a class and its weight, if there are weights, is above 0.
    """

    def __init__(self, classes: Classes) -> None:
        self.classes = classes
        self.sums = torch.zeros(len(classes), len(classes) + 1, dtype=torch.int64)
        self.predicted = torch.zeros(len(classes), dtype=torch.int64)  # pixels by pseudo label, trusted or not

    def add(
        self,
        labels: Integer[Tensor, "*pixels"],
        truth: Integer[Tensor, "*pixels"],
        weight: Float[Tensor, "*pixels"] | None = None,
    ) -> None:
        """Counts one image or several, except pixels whose true label is IGNORE.

        Raises:
            ValueError: a true label or pseudo label is neither a class nor IGNORE.
        """
        k = len(self.classes)
        for name, values in (("pseudo labels", labels), ("true labels", truth)):
            if bool(((values == k) & (truth != IGNORE)).any()):  # k is the column of untrusted pixels, not a class
                raise ValueError(f"{name} hold {k}, but classes go from 0 to {k - 1} and {IGNORE} is not trusted")
        untrusted = labels == IGNORE if weight is None else (labels == IGNORE) | ~(weight > 0)
        self.sums += confusion_matrix(labels.masked_fill(untrusted, k), truth, k + 1)[:k]
        counted = labels[(labels != IGNORE) & (truth != IGNORE)]
        self.predicted += torch.bincount(counted.flatten().long(), minlength=k).cpu()

    def counts(self) -> list[list[int]]:
        """Returns rows of true class, pseudo label and pixels, for JSON; a true class of -1 means any, counted by label
        alone."""
        places = self.sums.nonzero().tolist()
        named = self.predicted.nonzero().flatten().tolist()
        return [
            *([row, column, int(self.sums[row, column])] for row, column in places),
            *([-1, label, int(self.predicted[label])] for label in named),
        ]

    def add_counts(self, counts: Iterable[Sequence[int]]) -> None:
        """Adds what `counts` returned, of other images."""
        for row, column, pixels in counts:
            if row < 0:
                self.predicted[column] += pixels
            else:
                self.sums[row, column] += pixels

    def reduce(self) -> "PseudoLabelQuality":
        """Returns the sum over all processes."""
        total = PseudoLabelQuality(self.classes)
        total.sums = sum_over_processes(self.sums)
        total.predicted = sum_over_processes(self.predicted)
        return total

    @property
    def trusted(self) -> ClassCounts:
        """Counts of trusted pixels alone."""
        return class_counts(self.sums[:, :-1])

    @property
    def overall(self) -> ClassCounts:
        """Counts of all pixels; an untrusted pixel is missed by its class and predicted as none."""
        counts = self.trusted.copy()
        counts[:, 1] = self.sums.sum(1).numpy()
        return counts

    @property
    def coverage(self) -> float:
        """Share of pixels that are trusted."""
        return float(safe_ratio(self.trusted[:, 1].sum(), self.overall[:, 1].sum()))

    @property
    def precision(self) -> float:
        """Share of trusted pixels that are right."""
        return float(safe_ratio(self.trusted[:, 0].sum(), self.trusted[:, 1].sum()))

    def miou(self, convention: IouConvention = "either") -> float:
        """Computes the mean IoU over trusted pixels, those that training uses."""
        return float(mean_iou(self.trusted, convention))

    def miou_overall(self, convention: IouConvention = "either") -> float:
        """Computes the mean IoU over all pixels; an untrusted pixel is a miss, so trusting fewer cannot raise it."""
        return float(mean_iou(self.overall, convention))

    def class_precision(self) -> Float64[np.ndarray, " k"]:
        """Computes the share of the pixels labelled as each class that are of it, nan without such pixels."""
        return safe_ratio(self.trusted[:, 0], self.trusted[:, 2])

    def scores(self) -> dict[str, float]:
        """Returns `trusted`, the share of trusted pixels, and `precision`; of each class too, as `trusted/NAME` and
        `precision/NAME`, where the share is that of the pixels predicted as the class."""
        found, named = self.sums[:, :-1].sum(0).numpy(), self.predicted.numpy()
        parts = {"trusted": safe_ratio(found, named), "precision": self.class_precision()}
        classes = {
            f"{score}/{name}": float(value)
            for score, values in parts.items()
            for name, value in zip(self.classes.names, values, strict=True)
        }
        return {"trusted": self.coverage, "precision": self.precision, **classes}

    def as_dict(self) -> dict[str, Any]:
        """Returns everything, ready for JSON; null where there is nothing to measure."""
        rows = zip(
            self.classes.names,
            safe_ratio(self.trusted[:, 1], self.overall[:, 1]),
            self.class_precision(),
            class_accuracy(self.overall),
            class_iou(self.trusted),
            strict=True,
        )
        return {
            "miou": _number(self.miou()),
            "miou_overall": _number(self.miou_overall()),
            "coverage": _number(self.coverage),
            "precision": _number(self.precision),
            "classes": [
                {"name": name, "coverage": _number(share), "precision": _number(right), "recall": _number(found),
                 "iou": _number(both)}
                for name, share, right, found, both in rows
            ],
        }  # fmt: skip


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
