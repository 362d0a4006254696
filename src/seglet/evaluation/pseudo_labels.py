"""How good pseudo labels are, where the truth is known: how much they say, and how much of that is right.

Axes: k classes, h rows, w columns. Everything is a fraction in [0, 1], nan where there was nothing to measure.
"""

import math
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float64, Integer
from torch import Tensor

from seglet.evaluation.confusion import confusion
from seglet.evaluation.processes import summed
from seglet.evaluation.scores import Convention, Counts, class_accuracy, iou, marginals, mean_iou, ratio
from seglet.types import IGNORE, Classes


class PseudoLabelQuality:
    """Counts of pixels by true class and pseudo label, with one more column for pixels that are not trusted.

    A pixel is trusted if its pseudo label is a class and its weight, if there are weights, is above 0.
    """

    def __init__(self, classes: Classes) -> None:
        self.classes = classes
        self.sums = torch.zeros(len(classes), len(classes) + 1, dtype=torch.int64)

    def add(
        self,
        labels: Integer[Tensor, "*pixels"],
        truth: Integer[Tensor, "*pixels"],
        weight: Float[Tensor, "*pixels"] | None = None,
    ) -> None:
        """Counts one image or several; pixels whose truth is IGNORE count nowhere, whatever the pseudo label says.

        Raises:
            ValueError: truth or pseudo labels are neither a class nor IGNORE.
        """
        k = len(self.classes)
        for name, values in (("pseudo labels", labels), ("true labels", truth)):
            if bool(((values == k) & (truth != IGNORE)).any()):  # the column of the untrusted is no class of anybody's
                raise ValueError(f"{name} hold {k}, but classes go from 0 to {k - 1} and {IGNORE} is not trusted")
        untrusted = labels == IGNORE if weight is None else (labels == IGNORE) | ~(weight > 0)
        self.sums += confusion(labels.masked_fill(untrusted, k), truth, k + 1)[:k]

    def reduce(self) -> "PseudoLabelQuality":
        """The sum over all processes."""
        total = PseudoLabelQuality(self.classes)
        total.sums = summed(self.sums)
        return total

    @property
    def trusted(self) -> Counts:
        """The counts of trusted pixels alone."""
        return marginals(self.sums[:, :-1])

    @property
    def overall(self) -> Counts:
        """The counts of all pixels, an untrusted one being missed by its class and given to none."""
        counts = self.trusted.copy()
        counts[:, 1] = self.sums.sum(1).numpy()
        return counts

    @property
    def coverage(self) -> float:
        """Share of pixels that are trusted."""
        return float(ratio(self.trusted[:, 1].sum(), self.overall[:, 1].sum()))

    @property
    def precision(self) -> float:
        """Share of trusted pixels that are right."""
        return float(ratio(self.trusted[:, 0].sum(), self.trusted[:, 1].sum()))

    def miou(self, convention: Convention = "either") -> float:
        """Mean IoU over trusted pixels: what training on them believes."""
        return float(mean_iou(self.trusted, convention))

    def miou_overall(self, convention: Convention = "either") -> float:
        """Mean IoU over all pixels, where saying nothing is a miss: it cannot be raised by trusting less."""
        return float(mean_iou(self.overall, convention))

    def class_precision(self) -> Float64[np.ndarray, " k"]:
        """Share of the pixels given to each class that are of it, nan for a class given none."""
        return ratio(self.trusted[:, 0], self.trusted[:, 2])

    def as_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON, null where there was nothing to measure."""
        rows = zip(
            self.classes.names,
            ratio(self.trusted[:, 1], self.overall[:, 1]),
            self.class_precision(),
            class_accuracy(self.overall),
            iou(self.trusted),
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
