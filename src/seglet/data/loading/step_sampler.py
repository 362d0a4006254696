"""The order of samples in training, a pure function of seed and position, so that runs can be resumed and divided."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

_ORDER_STREAM = 1
"""Stream of the seed that shuffles; augmentation draws from other streams of the same seed."""


GROUPS_AT_ONCE = 16
"""Groups, such as shards, whose samples are mixed: those that a window of an epoch's order takes together."""


class EpochOrder:
    """Endless order of `size` samples; every epoch is a permutation of its own.

    With `groups`, sizes of runs of samples whose sum is `size`, the permutation has two levels: the groups are
    shuffled, and the samples of each 16 that follow one another are shuffled together. So a reader needs no more than
    16 shards at a time, and memory for the order of these alone. With `chances`, whose sum is 1, an epoch is as many
    draws by these chances instead.
    """

    def __init__(
        self, size: int, seed: int, chances: Sequence[float] | None = None, groups: Sequence[int] = ()
    ) -> None:
        if size < 1:
            raise ValueError(f"expected at least one sample to draw from, got {size}; is the split empty?")
        if groups and (sum(groups) != size or min(groups) < 1):
            raise ValueError(f"expected groups of {size} samples in all, got {sum(groups)} in {len(groups)} groups")
        self._windows = _Windows(groups, seed) if len(groups) > GROUPS_AT_ONCE and chances is None else None
        self.size = size
        self.seed = seed
        self.chances = chances
        self._epoch = -1
        self._permutation = np.arange(0)

    def index(self, position: int) -> int:
        """Returns the index of the sample at `position`, which counts from 0 over all epochs."""
        epoch, place = divmod(position, self.size)
        if self._windows is not None:
            return self._windows.index(epoch, place)
        if epoch != self._epoch:
            rng = np.random.default_rng((self.seed, epoch, _ORDER_STREAM))
            if self.chances is None:
                self._permutation = rng.permutation(self.size)
            else:
                self._permutation = rng.choice(self.size, self.size, p=self.chances)
            self._epoch = epoch
        return int(self._permutation[place])


class _Windows:
    """The order of epochs of two levels, a function of seed, epoch and place alone; the last window is kept."""

    def __init__(self, groups: Sequence[int], seed: int) -> None:
        self._sizes = np.asarray(groups, np.int64)
        self._begins = np.concatenate([[0], np.cumsum(self._sizes)[:-1]])
        self._seed = seed
        self._epoch = self._number = -1
        self._order = self._ends = self._samples = np.arange(0)

    def index(self, epoch: int, place: int) -> int:
        """Returns the index of the sample at `place` of an epoch."""
        if epoch != self._epoch:
            rng = np.random.default_rng((self._seed, epoch, _ORDER_STREAM))
            self._order = rng.permutation(len(self._sizes))
            filled = np.cumsum(self._sizes[self._order])
            lasts = [*range(GROUPS_AT_ONCE - 1, len(filled) - 1, GROUPS_AT_ONCE), len(filled) - 1]
            self._ends, self._epoch, self._number = filled[lasts], epoch, -1
        number = int(np.searchsorted(self._ends, place, side="right"))
        if number != self._number:
            taken = self._order[number * GROUPS_AT_ONCE : (number + 1) * GROUPS_AT_ONCE]
            runs = [np.arange(self._begins[group], self._begins[group] + self._sizes[group]) for group in taken]
            rng = np.random.default_rng((self._seed, epoch, _ORDER_STREAM, number))
            self._samples, self._number = rng.permutation(np.concatenate(runs)), number
        before = int(self._ends[number - 1]) if number else 0
        return int(self._samples[place - before])


@dataclass(frozen=True)
class StepSampler:
    """Endless batches of one process, each a list of (sample index, position).

    An optimiser step takes `accumulate` batches from each of `world` processes. Its positions depend only on the
    product `batch * world * accumulate`, so a step has the same samples for any number of processes, and `start_step`
    continues a run exactly. Batches continue across the end of an epoch and are never cut short. With `mirrored` each
    step has the same samples in reverse order, also across its batches and processes. `chances` and
    `groups` are those of `EpochOrder`.
    """

    size: int
    batch: int
    accumulate: int = 1
    seed: int = 0
    rank: int = 0
    world: int = 1
    start_step: int = 0
    mirrored: bool = False
    chances: tuple[float, ...] | None = None
    groups: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for name in ("size", "batch", "accumulate", "world"):
            if getattr(self, name) < 1:
                raise ValueError(f"expected {name} of at least 1, got {getattr(self, name)}")
        if not 0 <= self.rank < self.world:
            raise ValueError(f"expected a rank from 0 to {self.world - 1}, got {self.rank}")
        if self.seed < 0 or self.start_step < 0:
            raise ValueError(f"expected seed and start_step of at least 0, got {self.seed} and {self.start_step}")

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        order = EpochOrder(self.size, self.seed, self.chances, self.groups)
        micro = self.start_step * self.accumulate
        while True:
            first = (micro * self.world + self.rank) * self.batch
            positions = range(first, first + self.batch)
            if self.mirrored:
                whole = self.batch * self.world * self.accumulate
                ends = 2 * (micro // self.accumulate) * whole + whole - 1  # first and last position of the step, added
                positions = range(ends - first, ends - first - self.batch, -1)
            yield [(order.index(position), position) for position in positions]
            micro += 1


@dataclass(frozen=True)
class CombinedSampler:
    """Joins the batches of several samplers into one; each item begins with the number of its sampler."""

    samplers: Sequence[StepSampler]

    def __iter__(self) -> Iterator[list[tuple[int, int, int]]]:
        for several in zip(*self.samplers, strict=True):
            yield [(number, index, position) for number, batch in enumerate(several) for index, position in batch]


def augmentation_rng(seed: int, position: int) -> np.random.Generator:
    """Returns the generator for the view at `position`, independent of workers, processes and earlier draws."""
    return np.random.default_rng((seed, position))


def stream_seed(seed: int, stream: int) -> int:
    """Returns the seed of an independent order, for images drawn beside others in the same step."""
    return int(np.random.SeedSequence((seed, stream)).generate_state(1, np.uint64)[0])
