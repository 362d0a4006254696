"""Significance of scores: bootstrap intervals over images in one pass and fixed memory, and the sign test.

Axes: k classes.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float64, Integer
from torch import Tensor

from seglet.evaluation.scores import ClassCounts, IouConvention, class_counts, class_iou, mean_iou


class Bootstrap:
    """Counts of replicas of the data set, in which each image occurs a Poisson(1) number of times.

    An image's occurrences depend on the seed and its id alone, so neither order nor the number of processes matters.
    Whole images are drawn, since pixels of one image are not independent.

    Source: Oza, Online Bagging, 2001; Efron and Tibshirani 1993, Ch. 13 (percentile interval).
    """

    def __init__(self, num_classes: int, replicas: int = 1000, seed: int = 0) -> None:
        if replicas < 0:
            raise ValueError(f"expected 0 (no intervals) or more replicas, got {replicas}")
        self.seed = seed
        self.sums = torch.zeros(replicas, num_classes, 3, dtype=torch.int64)

    def add(self, image_id: str, confusion: Integer[Tensor, "k k"]) -> None:
        """Adds one image to the replicas; ids must be unique, since equal ids are drawn together."""
        key = int.from_bytes(
            hashlib.blake2b(image_id.encode(errors="surrogateescape"), digest_size=8).digest(), "little"
        )
        times = np.random.default_rng([self.seed, key]).poisson(1.0, len(self.sums))
        self.sums += torch.from_numpy(times[:, None, None] * class_counts(confusion))

    @property
    def counts(self) -> ClassCounts:
        """Counts of every replica."""
        return self.sums.numpy()

    def iou(self, level: float = 0.95) -> Float64[np.ndarray, "k 2"]:
        """Computes the lower and upper end of each class's interval, nan where no replica holds the class."""
        return np.array([central_interval(column, level) for column in class_iou(self.counts).T])

    def mean_iou(self, convention: IouConvention = "either", level: float = 0.95) -> Float64[np.ndarray, "2"]:
        """Computes the lower and upper end of the interval of the mean IoU."""
        return central_interval(mean_iou(self.counts, convention), level)


def central_interval(values: Float64[np.ndarray, " n"], level: float) -> Float64[np.ndarray, "2"]:
    """Computes the ends of the central `level` of the values that are numbers; nan if none is."""
    numbers = values[~np.isnan(values)]
    if not len(numbers):
        return np.full(2, np.nan)
    return np.asarray(np.quantile(numbers, [(1 - level) / 2, (1 + level) / 2]))


@dataclass(frozen=True)
class SignTest:
    """Numbers of images on which the second model is better, worse and equal.

    Source: exact binomial sign test (Dixon and Mood, JASA 1946); equal images are left out.
    """

    better: int
    worse: int
    equal: int

    @property
    def p(self) -> float:
        """Two-sided probability of such a difference by chance."""
        total, few = self.better + self.worse, min(self.better, self.worse)
        below = sum(math.comb(total, count) for count in range(few + 1))
        return min(1.0, float(2 * below / 2**total))


def sign_test(first: Sequence[float], second: Sequence[float], least: float = 1e-9) -> SignTest:
    """Compares the scores of two models image by image; differences up to `least` count as equal, nan is left out."""
    changes = [b - a for a, b in zip(first, second, strict=True)]
    better, worse = sum(change > least for change in changes), sum(change < -least for change in changes)
    return SignTest(better, worse, sum(abs(change) <= least for change in changes))
