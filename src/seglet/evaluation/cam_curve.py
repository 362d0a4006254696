"""Quality of class activation maps as masks, at every threshold for the background, in one pass.

Axes: k classes, h rows, w columns, t thresholds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64, Integer
from torch import Tensor

from seglet.evaluation.confusion import sum_over_processes
from seglet.evaluation.scores import ClassCounts, IouConvention, mean_iou
from seglet.types import IGNORE, Classes

CAM_THRESHOLDS = tuple(place / 100 for place in range(100))


@dataclass(frozen=True)
class BestThreshold:
    """Lowest threshold with the highest mean IoU, and that mean IoU; nan without pixels."""

    threshold: float
    miou: float


class CamCurve:
    """Counts of pixels by true class, class of the highest map, and number of thresholds that map exceeds.

    A pixel gets the class of the highest map where that is above the threshold, and background elsewhere. All confusion
    matrices therefore follow from one histogram of k x k x (t + 1) numbers, which adds up over images and processes.
    """

    def __init__(self, classes: Classes, thresholds: Sequence[float] = CAM_THRESHOLDS) -> None:
        """Begins with counts of 0.

        Raises:
            ValueError: no class is called background, or the thresholds do not rise.
        """
        if classes.background is None or len(classes) < 2:
            named = ", ".join(classes.names)
            raise ValueError(f"expected a class called background and at least one other, got {named}")
        if not thresholds or any(not low < high for low, high in pairwise(thresholds)):
            raise ValueError(f"expected thresholds, each above the one before, got {list(thresholds)}")
        self.classes = classes
        self.background = classes.background
        self.thresholds = torch.tensor(thresholds, dtype=torch.float64)
        self.sums = torch.zeros(len(classes), len(classes), len(thresholds) + 1, dtype=torch.int64)

    def add(self, cams: Float[Tensor, "k h w"], labels: Integer[Tensor, "h w"]) -> None:
        """Counts one image: a map for each class at the size of its labels; that of the background is not used.

        Maps of classes without a tag should be 0. Pixels labelled IGNORE are not counted.

        Raises:
            ValueError: sizes differ, a map is not finite, or a label is no class.
        """
        k = len(self.classes)
        if cams.shape != (k, *labels.shape):
            raise ValueError(f"expected maps {(k, *labels.shape)}, got {tuple(cams.shape)}; resize them to the labels")
        others = torch.tensor([label for label in range(k) if label != self.background])
        highest, owner = cams.detach()[others.to(cams.device)].max(0)
        valid = (labels != IGNORE).cpu()
        truth, height = labels.cpu()[valid].long(), highest.cpu()[valid].double()
        if truth.numel() == 0:
            return
        if not torch.isfinite(height).all():
            raise ValueError("a map holds values that are no numbers; has the network diverged?")
        if not 0 <= int(truth.min()) <= int(truth.max()) < k:
            raise ValueError(f"labels go from {int(truth.min())} to {int(truth.max())}, classes from 0 to {k - 1}")
        passed = torch.bucketize(height, self.thresholds)  # number of thresholds below it
        code = (truth * k + others[owner.cpu()[valid]]) * self.sums.shape[2] + passed
        self.sums += torch.bincount(code, minlength=self.sums.numel()).view_as(self.sums)

    def reduce(self) -> "CamCurve":
        """Returns the sum over all processes."""
        total = CamCurve(self.classes, self.thresholds.tolist())
        total.sums = sum_over_processes(self.sums)
        return total

    def confusion(self) -> Int64[Tensor, "t k k"]:
        """Computes the confusion matrix at each threshold, rows of truth and columns of prediction."""
        foreground = self.sums.flip(-1).cumsum(-1).flip(-1)[..., 1:]  # pixels that pass more than the j-th threshold
        background = self.sums.sum(1)[:, None].sum(-1) - foreground.sum(1)
        whole = foreground.permute(2, 0, 1).clone()
        whole[:, :, self.background] += background.T
        return whole

    def counts(self) -> ClassCounts:
        """Computes the class counts, from which scores follow, at each threshold."""
        matrices = self.confusion().numpy()
        right = np.diagonal(matrices, axis1=1, axis2=2)
        return np.stack([right, matrices.sum(2), matrices.sum(1)], axis=-1)

    def miou(self, convention: IouConvention = "either") -> Float64[np.ndarray, " t"]:
        """Computes the mean IoU at each threshold."""
        return mean_iou(self.counts(), convention)

    def best(self, convention: IouConvention = "either") -> BestThreshold:
        """Returns the best threshold of the curve and its mean IoU."""
        curve = self.miou(convention)
        place = 0 if np.isnan(curve).all() else int(np.nanargmax(curve))
        return BestThreshold(float(self.thresholds[place]), float(curve[place]))

    def as_dict(self) -> dict[str, Any]:
        """Returns the curve and its best point, ready for JSON."""
        best, curve = self.best(), [None if np.isnan(value) else float(value) for value in self.miou()]
        miou = None if np.isnan(best.miou) else best.miou
        return {"best": {"threshold": best.threshold, "miou": miou},
                "curve": {"thresholds": self.thresholds.tolist(), "miou": curve}}  # fmt: skip
