"""How far scores would move had other images been drawn: intervals in one pass and fixed memory.

Axes: k classes.
"""

import hashlib

import numpy as np
import torch
from jaxtyping import Float64, Integer
from torch import Tensor

from seglet.evaluation.scores import Convention, Counts, iou, marginals, mean_iou


class Bootstrap:
    """Replicas of the data set in which each image occurs a Poisson(1) number of times, kept as counts.

    An image's occurrences depend on the seed and its id alone, so neither order nor the number of processes matters.
    Images are the unit: pixels of one image are far from independent.

    Source: Oza, Online Bagging, 2001; Efron and Tibshirani 1993, Ch. 13 (percentile interval).
    """

    def __init__(self, num_classes: int, replicas: int = 1000, seed: int = 0) -> None:
        if replicas < 0:
            raise ValueError(f"expected 0 (no intervals) or more replicas, got {replicas}")
        self.seed = seed
        self.sums = torch.zeros(replicas, num_classes, 3, dtype=torch.int64)

    def add(self, image_id: str, confusion: Integer[Tensor, "k k"]) -> None:
        """Puts one image into the replicas; ids must be unique, since equal ids are drawn together."""
        key = int.from_bytes(hashlib.blake2b(image_id.encode(), digest_size=8).digest(), "little")
        times = np.random.default_rng([self.seed, key]).poisson(1.0, len(self.sums))
        self.sums += torch.from_numpy(times[:, None, None] * marginals(confusion))

    @property
    def counts(self) -> Counts:
        """Counts of every replica."""
        return self.sums.numpy()

    def iou(self, level: float = 0.95) -> Float64[np.ndarray, "k 2"]:
        """Lower and upper end for each class, nan where no replica holds the class."""
        return np.array([percentiles(column, level) for column in iou(self.counts).T])

    def mean_iou(self, convention: Convention = "either", level: float = 0.95) -> Float64[np.ndarray, "2"]:
        return percentiles(mean_iou(self.counts, convention), level)


def percentiles(values: Float64[np.ndarray, " n"], level: float) -> Float64[np.ndarray, "2"]:
    """The central `level` of the values that are numbers; nan if none is."""
    numbers = values[~np.isnan(values)]
    if not len(numbers):
        return np.full(2, np.nan)
    return np.asarray(np.quantile(numbers, [(1 - level) / 2, (1 + level) / 2]))
