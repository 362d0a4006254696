"""Which sample comes when: a pure function of a seed and a position, so training can resume and be split anywhere."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

_ORDER_STREAM = 1
"""Keeps the stream that shuffles apart from the streams that augment, which share its seed."""


class EpochOrder:
    """The endless order in which `size` samples are visited: each epoch is a permutation of its own."""

    def __init__(self, size: int, seed: int) -> None:
        if size < 1:
            raise ValueError(f"expected at least one sample to draw from, got {size}; is the split empty?")
        self.size = size
        self.seed = seed
        self._epoch = -1
        self._permutation = np.arange(0)

    def index(self, position: int) -> int:
        """The sample at `position`, which counts from 0 over all epochs."""
        epoch, place = divmod(position, self.size)
        if epoch != self._epoch:
            self._permutation = np.random.default_rng((self.seed, epoch, _ORDER_STREAM)).permutation(self.size)
            self._epoch = epoch
        return int(self._permutation[place])


@dataclass(frozen=True)
class StepSampler:
    """The batches of one process, without end: lists of (sample index, position).

    An optimiser step takes `accumulate` batches from each of `world` processes. Its positions depend only on the
    product `batch * world * accumulate`, so the same step sees the same samples however many processes share it, and
    `start_step` continues a run exactly. A batch may reach over the end of an epoch, and is never cut short.
    """

    size: int
    batch: int
    accumulate: int = 1
    seed: int = 0
    rank: int = 0
    world: int = 1
    start_step: int = 0

    def __post_init__(self) -> None:
        for name in ("size", "batch", "accumulate", "world"):
            if getattr(self, name) < 1:
                raise ValueError(f"expected {name} of at least 1, got {getattr(self, name)}")
        if not 0 <= self.rank < self.world:
            raise ValueError(f"expected a rank from 0 to {self.world - 1}, got {self.rank}")
        if self.seed < 0 or self.start_step < 0:
            raise ValueError(f"expected seed and start_step of at least 0, got {self.seed} and {self.start_step}")

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        order = EpochOrder(self.size, self.seed)
        micro = self.start_step * self.accumulate
        while True:
            first = (micro * self.world + self.rank) * self.batch
            yield [(order.index(position), position) for position in range(first, first + self.batch)]
            micro += 1


def augmentation_rng(seed: int, position: int) -> np.random.Generator:
    """The randomness of the view taken at `position`; no worker, process or history enters it."""
    return np.random.default_rng((seed, position))


def stream_seed(seed: int, stream: int) -> int:
    """The seed of an order of its own, for images that are drawn beside others in the same step."""
    return int(np.random.SeedSequence((seed, stream)).generate_state(1, np.uint64)[0])
