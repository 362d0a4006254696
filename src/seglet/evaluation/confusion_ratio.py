"""Confusion ratio: false positives over true positives of each class, also by the number of classes in an image.

Axes: k classes, h rows, w columns, n numbers of classes in an image, from 0 to k. Leading axes of counts are kept.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64, Int64, Integer
from torch import Tensor

from seglet.evaluation.confusion import confusion_matrix, sum_over_processes
from seglet.evaluation.scores import ClassCounts, class_counts
from seglet.types import Classes

RATIO_CEILING = 100.0
"""Largest ratio that enters a mean: that of a class of whose predicted pixels 1 % are right."""


def confusion_ratio(counts: ClassCounts) -> Float64[np.ndarray, "*replicas k"]:
    """Computes false over true positives of each class: inf if it is predicted but never right, nan if never predicted.

    Source: Yang et al., Separate and Conquer, CVPR 2024 (CR = FP / TP); golden family confusion_ratio.
    """
    right, predicted = counts[..., 0].astype(np.float64), counts[..., 2].astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((predicted - right) / right)


def mean_confusion_ratio(counts: ClassCounts, ceiling: float = RATIO_CEILING) -> Float64[np.ndarray, "*replicas"]:
    """Computes the mean ratio over the classes that were predicted, background included; nan if there is none.

    The papers' mean is inf as soon as one class is never right, and nan if one is never predicted. Here no class counts
    more than `ceiling`, so a class that is never right has the largest possible cost. A class that is never predicted
    has no false positives and is left to IoU and recall. The default changes nothing where at least 1 % of each class's
    predictions are right; `ceiling=math.inf` removes it.

    Raises:
        ValueError: the ceiling is not positive.
    """
    if not ceiling > 0:
        raise ValueError(f"expected a ceiling above 0, got {ceiling}")
    ratio = np.minimum(confusion_ratio(counts), ceiling)
    predicted = ~np.isnan(ratio)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(predicted, ratio, 0).sum(-1) / predicted.sum(-1))


class Cooccurrence:
    """Class counts by the number of classes in an image, since classes that share an image are confused more often.

    The classes of an image are those of its tags or, without tags, of its labels; background is not among them.
    """

    def __init__(self, classes: Classes) -> None:
        self.classes = classes
        self.sums = torch.zeros(len(classes) + 1, len(classes), 3, dtype=torch.int64)
        self.images = torch.zeros(len(classes) + 1, dtype=torch.int64)

    def add(
        self, pred: Integer[Tensor, "h w"], labels: Integer[Tensor, "h w"], tags: Sequence[int] | None = None
    ) -> None:
        """Counts one image, except its pixels labelled IGNORE.

        Raises:
            ValueError: a label or a prediction is no class.
        """
        self.add_confusion(confusion_matrix(pred, labels, len(self.classes)), tags)

    def add_confusion(self, matrix: Int64[Tensor, "k k"], tags: Sequence[int] | None = None) -> None:
        """Counts one image by its confusion matrix, rows of truth and columns of prediction."""
        present = set(torch.nonzero(matrix.sum(1)).flatten().tolist()) if tags is None else set(tags)
        number = len(present - {self.classes.background})
        self.sums[number] += torch.from_numpy(class_counts(matrix))
        self.images[number] += 1

    def reduce(self) -> "Cooccurrence":
        """Returns the sum over all processes."""
        total = Cooccurrence(self.classes)
        total.sums, total.images = sum_over_processes(self.sums), sum_over_processes(self.images)
        return total

    def counts(self, least: int = 0, most: int | None = None) -> ClassCounts:
        """Returns the counts over the images with at least `least` and at most `most` classes; by default over all."""
        return self.sums[least : None if most is None else most + 1].sum(0).numpy()

    @property
    def overall(self) -> ClassCounts:
        """Counts over all images, also those without classes."""
        return self.counts()

    @property
    def single(self) -> ClassCounts:
        """Counts over the images with one class."""
        return self.counts(1, 1)

    @property
    def shared(self) -> ClassCounts:
        """Counts over the images with two or more classes, DiCLIP's co-occurrence set (Table VIII)."""
        return self.counts(2)

    def as_dict(self, ceiling: float = RATIO_CEILING) -> dict[str, Any]:
        """Returns all ratios, ready for JSON; null where a class is never right or, in a mean, nothing is predicted."""
        parts = {"overall": self.overall, "single": self.single, "cooccurring": self.shared}
        ratios = {name: confusion_ratio(counts) for name, counts in parts.items()}
        never = (self.overall[:, 0] == 0) & (self.overall[:, 2] > 0)
        return {
            "ceiling": ceiling,
            "mean": {name: _number(mean_confusion_ratio(counts, ceiling)) for name, counts in parts.items()},
            "classes": [
                {"name": name, **{part: _number(ratio[label]) for part, ratio in ratios.items()}}
                for label, name in enumerate(self.classes.names)
            ],
            "never_right": [name for name, wrong in zip(self.classes.names, never, strict=True) if wrong],
            "by_number": [
                {"classes": n, "images": int(images), "mean": _number(mean_confusion_ratio(self.counts(n, n), ceiling))}
                for n, images in enumerate(self.images)
                if images
            ],
        }


def _number(value: np.ndarray | np.generic) -> float | None:
    return float(value) if math.isfinite(value) else None
