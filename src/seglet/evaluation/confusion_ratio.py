"""How much that is called a class is something else, against how much is right: false positives over true positives.

Axes: k classes, h rows, w columns, n images' numbers of classes from 0 to k. Leading axes of counts pass through.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64, Int64, Integer
from torch import Tensor

from seglet.evaluation.confusion import confusion
from seglet.evaluation.processes import summed
from seglet.evaluation.scores import Counts, marginals
from seglet.types import Classes

CEILING = 100.0
"""The most that a class can add to a mean: a class of which not even 1 % of the pixels called so are right."""


def confusion_ratio(counts: Counts) -> Float64[np.ndarray, "*replicas k"]:
    """False over true positives of each class: inf if it was predicted and never right, nan if never predicted.

    Source: Yang et al., Separate and Conquer, CVPR 2024 (CR = FP / TP); golden family confusion_ratio.
    """
    right, called = counts[..., 0].astype(np.float64), counts[..., 2].astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((called - right) / right)


def mean_confusion_ratio(counts: Counts, ceiling: float = CEILING) -> Float64[np.ndarray, "*replicas"]:
    """Mean over the classes that were predicted, background among them; nan if none was.

    The papers' mean is inf as soon as one class is never right, and nan if one is never predicted. Here no class counts
    for more than `ceiling`, so a class that is never right costs as much as a class can, and failing it altogether
    never pays; a class never predicted makes no false positives, and is left to IoU and recall. Where every class has
    at least 1 % of its predictions right the default changes nothing; `ceiling=math.inf` lifts it.

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
    """The pixels of each class, kept apart by how many classes an image shows: what shares an image gets confused.

    An image shows the classes of its tags, or, without any, of its labels; background is not counted among them.
    """

    def __init__(self, classes: Classes) -> None:
        self.classes = classes
        self.sums = torch.zeros(len(classes) + 1, len(classes), 3, dtype=torch.int64)
        self.images = torch.zeros(len(classes) + 1, dtype=torch.int64)

    def add(
        self, pred: Integer[Tensor, "h w"], labels: Integer[Tensor, "h w"], tags: Sequence[int] | None = None
    ) -> None:
        """Counts one image; pixels labelled IGNORE count nowhere.

        Raises:
            ValueError: labels or predictions that are no class.
        """
        self.add_confusion(confusion(pred, labels, len(self.classes)), tags)

    def add_confusion(self, matrix: Int64[Tensor, "k k"], tags: Sequence[int] | None = None) -> None:
        """Counts one image by its confusion matrix, rows of truth and columns of prediction."""
        shown = set(torch.nonzero(matrix.sum(1)).flatten().tolist()) if tags is None else set(tags)
        number = len(shown - {self.classes.background})
        self.sums[number] += torch.from_numpy(marginals(matrix))
        self.images[number] += 1

    def reduce(self) -> "Cooccurrence":
        """The sum over all processes."""
        total = Cooccurrence(self.classes)
        total.sums, total.images = summed(self.sums), summed(self.images)
        return total

    def counts(self, least: int = 0, most: int | None = None) -> Counts:
        """The counts over the images that show from `least` to `most` classes; all of them if not said."""
        return self.sums[least : None if most is None else most + 1].sum(0).numpy()

    @property
    def overall(self) -> Counts:
        """Over all images, those that show no class included."""
        return self.counts()

    @property
    def single(self) -> Counts:
        """Over the images that show one class."""
        return self.counts(1, 1)

    @property
    def shared(self) -> Counts:
        """Over the images that show two classes or more, DiCLIP's co-occurrence set (Table VIII)."""
        return self.counts(2)

    def as_dict(self, ceiling: float = CEILING) -> dict[str, Any]:
        """Everything, ready for JSON; null where a class was never right or, in a mean, nothing was predicted."""
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
