"""Calibration: the difference between a model's confidence and its accuracy, in one pass and fixed memory."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from seglet.evaluation.scores import safe_ratio
from seglet.types import IGNORE

_RESOLUTION = 30  # the least common multiple of 10 bins (FOTF, Table 7) and 15 (Guo et al.): one count serves both
_CHUNK = 1 << 16  # pixels at a time: their codes fit the cache


@dataclass(frozen=True)
class ReliabilityBin:
    """One bin of a reliability diagram: pixels whose confidence lies in (lower, upper].

    `confidence` and `accuracy` are their means, nan where `count` is 0.
    """

    lower: float
    upper: float
    count: int
    confidence: float
    accuracy: float


class Calibration:
    """Counts of pixels by top-class confidence; any number of bins that divides `resolution` can be derived.

    Bins are equally wide, open below and closed above; edges are compared exactly, not in float32.

    Source: Guo et al., On Calibration of Modern Neural Networks, ICML 2017, Eq. 3.
    """

    def __init__(self, resolution: int = _RESOLUTION) -> None:
        if resolution < 1:
            raise ValueError(f"expected at least one bin, got {resolution}")
        self.resolution = resolution
        self.counts = torch.zeros(2, resolution, dtype=torch.int64)  # wrong, right
        self.confidence = torch.zeros(resolution, dtype=torch.float64)

    def add(
        self,
        confidence: Float[Tensor, "*pixels"],
        pred: UInt8[Tensor, "*pixels"],
        labels: UInt8[Tensor, "*pixels"],
    ) -> None:
        """Counts pixels whose top class `pred` has probability `confidence`, except those labelled IGNORE.

        Raises:
            ValueError: a confidence is not a number in [0, 1].
        """
        if not confidence.shape == pred.shape == labels.shape:
            shapes = [tuple(part.shape) for part in (confidence, pred, labels)]
            raise ValueError(f"confidence, prediction and labels must have one shape, got {shapes}")
        confidence, pred, labels = (part.detach().cpu().reshape(-1) for part in (confidence, pred, labels))
        for begin in range(0, len(labels), _CHUNK):
            chunk = slice(begin, begin + _CHUNK)
            self._add(confidence[chunk], pred[chunk], labels[chunk])

    def _add(self, confidence: Tensor, pred: Tensor, labels: Tensor) -> None:
        bins = self.resolution
        valid = labels != IGNORE
        exact = confidence.double().masked_fill_(~valid, 0)  # float32 times a small number is exact in float64
        low, high = float(exact.min()), float(exact.max())
        if not (low >= 0 and high <= 1 + 1e-6):  # nan fails both
            raise ValueError(f"expected confidences in [0, 1], got {low} to {high}; has the network diverged?")
        bin_ = (exact * bins).ceil_().sub_(1).clamp_(0, bins - 1).to(torch.int64)
        code = bin_.add_(bins * (pred == labels)).masked_fill_(~valid, 2 * bins).numpy()
        self.counts += torch.from_numpy(np.bincount(code, minlength=2 * bins + 1)[:-1].reshape(2, bins))
        sums = np.bincount(code, exact.numpy(), minlength=2 * bins + 1)[:-1].reshape(2, bins).sum(0)
        self.confidence += torch.from_numpy(sums)

    def reliability(self, bins: int) -> list[ReliabilityBin]:
        """Returns the reliability diagram with this number of bins.

        Raises:
            ValueError: `bins` does not divide the resolution.
        """
        count, right, confidence = self._merged(bins)
        mean, accuracy = safe_ratio(confidence, count), safe_ratio(right, count)
        edges = [i / bins for i in range(bins + 1)]
        return [
            ReliabilityBin(edges[i], edges[i + 1], int(count[i]), float(mean[i]), float(accuracy[i]))
            for i in range(bins)
        ]

    def ece(self, bins: int) -> float:
        """Computes the expected calibration error: |accuracy - confidence|, averaged over pixels; nan without any.

        Raises:
            ValueError: `bins` does not divide the resolution.
        """
        count, right, confidence = self._merged(bins)
        return float(safe_ratio(np.abs(right - confidence).sum(), count.sum()))

    def reject_curve(self, bins: int) -> list[tuple[float, float]]:
        """Returns share and accuracy of the pixels whose confidence is above each edge of the bins, from 0 upwards.

        If pixels below an edge are left to somebody else, this is how many remain and how many of them are right.
        Edges above which there is no pixel are left out.

        Raises:
            ValueError: `bins` does not divide the resolution.
        """
        count, right, _ = self._merged(bins)
        kept, good = (values[::-1].cumsum()[::-1] for values in (count, right))
        total = max(int(kept[0]), 1)
        return [(int(k) / total, int(g) / int(k)) for k, g in zip(kept, good, strict=True) if k]

    def _merged(self, bins: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns pixels, right pixels and summed confidence of each of `bins` bins."""
        if bins < 1 or self.resolution % bins:
            raise ValueError(
                f"{bins} bins cannot be derived from {self.resolution}; use a divisor, or Calibration({bins})"
            )
        wrong, right = self.counts.view(2, bins, -1).sum(-1).numpy()
        return wrong + right, right, self.confidence.view(bins, -1).sum(-1).numpy()
