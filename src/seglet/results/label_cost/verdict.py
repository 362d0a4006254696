"""Which annotation to buy, as far as a few short runs can tell."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from seglet.results.label_cost.times import spoken

STUDENT = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)
"""Two-sided 95 % quantiles of Student's t for 1 to 9 degrees of freedom; more count as 9, which is cautious."""

Verdict = Literal["better", "worse", "cannot tell apart"]


@dataclass(frozen=True)
class Point:
    """What one kind of annotation costs, and the mIoU in [0, 1] of each seed with its 95 % interval over images."""

    name: str
    minutes: float
    scores: tuple[float, ...]
    intervals: tuple[tuple[float, float], ...]

    @property
    def mean(self) -> float:
        return statistics.fmean(self.scores)

    @property
    def reach(self) -> float:
        """Half of the 95 % interval: how far the mean would move with other seeds and with other images to score on.

        The two are independent and add in squares. One seed says nothing of others: infinite.
        """
        if len(self.scores) < 2:
            return math.inf
        quantile = STUDENT[min(len(self.scores) - 1, len(STUDENT)) - 1]
        seeds = quantile * statistics.stdev(self.scores) / math.sqrt(len(self.scores))
        images = statistics.fmean((high - low) / 2 for low, high in self.intervals)
        return math.hypot(seeds, images)

    @property
    def interval(self) -> tuple[float, float]:
        return max(0.0, self.mean - self.reach), min(1.0, self.mean + self.reach)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        low, high = self.interval
        runs = {"scores": list(self.scores), "intervals": [list(pair) for pair in self.intervals]}
        return {"name": self.name, "minutes": self.minutes, "mean": self.mean, "low": low, "high": high, **runs}


@dataclass(frozen=True)
class Step:
    """From one kind of annotation to a dearer one."""

    cheap: Point
    dear: Point

    @property
    def verdict(self) -> Verdict:
        """Whether the dearer is better; intervals that touch cannot be told apart.

        All are scored on the same images, so this is more cautious than a test of the differences.
        """
        (low, high), (least, most) = self.cheap.interval, self.dear.interval
        if least > high:
            return "better"
        return "worse" if most < low else "cannot tell apart"

    @property
    def points(self) -> float:
        """Percentage points of mIoU that are gained."""
        return 100 * (self.dear.mean - self.cheap.mean)

    @property
    def minutes(self) -> float:
        return self.dear.minutes - self.cheap.minutes

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        named = {"from": self.cheap.name, "to": self.dear.name, "verdict": self.verdict}
        return {**named, "points": self.points, "minutes": self.minutes}

    def __str__(self) -> str:
        head = f"{self.cheap.name} → {self.dear.name}, {spoken(self.minutes)} more: "
        if self.verdict == "cannot tell apart":
            return head + f"cannot tell apart ({self.points:+.1f} points, within what seeds and images scatter)"
        rate = f", {60 * self.points / self.minutes:.2g} points an hour" if self.minutes and self.points > 0 else ""
        return head + f"clearly {self.verdict}, {self.points:+.1f} points{rate}"


def steps(points: Sequence[Point]) -> list[Step]:
    """By rising cost, each beside the dearest of the cheaper ones that was clearly worth its cost."""
    ordered = sorted(points, key=lambda point: point.minutes)
    found, held = [], ordered[0]
    for point in ordered[1:]:
        found.append(Step(held, point))
        if found[-1].verdict == "better":
            held = point
    return found


def worth(points: Sequence[Point]) -> list[Point]:
    """By rising cost: the cheapest, and each that is clearly better than the one before it in this list."""
    first = min(points, key=lambda point: point.minutes)
    return [first, *(step.dear for step in steps(points) if step.verdict == "better")]


def recommendation(points: Sequence[Point]) -> str:
    """What to annotate, in a sentence or two."""
    first, *better = worth(points)
    unsure = [step for step in steps(points) if step.verdict == "cannot tell apart"]
    said = f"Recommendation: {first.name} ({spoken(first.minutes)})"
    for point in better:
        said += f"; {point.name} if you have {spoken(point.minutes)}"
    if not better and not unsure:
        return said + ". Nothing dearer is better."
    if not better:
        return said + ". Nothing dearer is clearly better; more --seeds, or more images to score on, may change that."
    if unsure:
        named = ", or ".join(f"{step.cheap.name} and {step.dear.name}" for step in unsure)
        said += f". Cannot tell apart {named}; more --seeds, or more images to score on, may change that"
    return said + "."
