"""How two ways to the same result are measured; every module here without a leading underscore is one comparison."""

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch

Outcome = TypeVar("Outcome")


@dataclass(frozen=True)
class Result:
    """One comparison. `ratio` says how many times less ours takes (of a step's overhead: how many times more).

    `ours` and `rival` are medians in `unit`; `equal` whether both gave the same result, as far as it is defined.
    """

    name: str
    ours: float
    rival: float
    ratio: float
    unit: str
    equal: bool
    shapes: str
    threads: int

    def details(self) -> str:
        """Returns further lines to print; none for a plain comparison."""
        return ""


def side_by_side(
    name: str,
    ours: Callable[[], Outcome],
    rival: Callable[[], Outcome],
    same: Callable[[Outcome, Outcome], bool],
    shapes: str,
    repeats: int = 7,
) -> Result:
    """CPU time of both, called in turn so that a busy machine slows them alike; the first call of each warms up."""
    equal = same(ours(), rival())
    mine, theirs = in_turn((ours, rival), repeats)
    return Result(name, mine, theirs, theirs / mine, "s", equal, shapes, torch.get_num_threads())


def overhead(
    name: str,
    ours: Callable[[], Outcome],
    base: Callable[[], Outcome],
    same: Callable[[Outcome, Outcome], bool],
    shapes: str,
    repeats: int = 7,
) -> Result:
    """As `side_by_side`, but `ratio` is ours over the base: what a step costs that does more."""
    result = side_by_side(name, ours, base, same, shapes, repeats)
    return Result(name, result.ours, result.rival, 1 / result.ratio, "s", result.equal, shapes, result.threads)


def in_turn(calls: tuple[Callable[[], object], ...], repeats: int) -> tuple[float, ...]:
    """Median CPU seconds of each call."""
    seconds: tuple[list[float], ...] = tuple([] for _ in calls)
    for _ in range(repeats):
        for call, taken in zip(calls, seconds, strict=True):
            gc.collect()
            begin = time.process_time()
            call()
            taken.append(time.process_time() - begin)
    return tuple(map(statistics.median, seconds))
