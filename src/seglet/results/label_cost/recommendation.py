"""Recommendation of a kind of annotation, as far as a few short runs can tell."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from seglet.results.label_cost.times import duration_text

_STUDENT_T = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)
"""Two-sided 95 % quantiles of Student's t for 1 to 9 degrees of freedom; more count as 9, which is cautious."""

CostComparison = Literal["better", "worse", "cannot tell apart"]


@dataclass(frozen=True)
class CostPoint:
    """Point of a label-cost curve: a kind of annotation, its minutes, and its scores.

    `scores` has the mIoU in [0, 1] of each seed, `intervals` the 95 % interval of each over images.
    """

    name: str
    minutes: float
    scores: tuple[float, ...]
    intervals: tuple[tuple[float, float], ...]

    @property
    def mean(self) -> float:
        """Mean mIoU over the seeds."""
        return statistics.fmean(self.scores)

    @property
    def half_width(self) -> float:
        """Half width of the 95 % interval of the mean, over seeds and over images to score on.

        The two are independent and add in squares. With one seed it is infinite.
        """
        if len(self.scores) < 2:
            return math.inf
        quantile = _STUDENT_T[min(len(self.scores) - 1, len(_STUDENT_T)) - 1]
        seeds = quantile * statistics.stdev(self.scores) / math.sqrt(len(self.scores))
        images = statistics.fmean((high - low) / 2 for low, high in self.intervals)
        return math.hypot(seeds, images)

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the mean, within [0, 1]."""
        return max(0.0, self.mean - self.half_width), min(1.0, self.mean + self.half_width)

    def as_dict(self) -> dict[str, Any]:
        """Returns the point as plain values for JSON."""
        low, high = self.interval
        runs = {"scores": list(self.scores), "intervals": [list(pair) for pair in self.intervals]}
        return {"name": self.name, "minutes": self.minutes, "mean": self.mean, "low": low, "high": high, **runs}


@dataclass(frozen=True)
class CostStep:
    """Step from one kind of annotation to a more expensive one."""

    cheap: CostPoint
    dear: CostPoint

    @property
    def comparison(self) -> CostComparison:
        """Comparison of the more expensive kind with the cheaper one; intervals that touch cannot be told apart.

        All are scored on the same images, so this is more cautious than a test of the differences.
        """
        (low, high), (least, most) = self.cheap.interval, self.dear.interval
        if least > high:
            return "better"
        return "worse" if most < low else "cannot tell apart"

    @property
    def points(self) -> float:
        """Gain in percentage points of mIoU."""
        return 100 * (self.dear.mean - self.cheap.mean)

    @property
    def minutes(self) -> float:
        """Additional minutes of annotation."""
        return self.dear.minutes - self.cheap.minutes

    def as_dict(self) -> dict[str, Any]:
        """Returns the step as plain values for JSON."""
        names = {"from": self.cheap.name, "to": self.dear.name, "verdict": self.comparison}
        return {**names, "points": self.points, "minutes": self.minutes}

    def __str__(self) -> str:
        head = f"{self.cheap.name} → {self.dear.name}, {duration_text(self.minutes)} more: "
        if self.comparison == "cannot tell apart":
            return head + f"cannot tell apart ({self.points:+.1f} points, within the spread of seeds and images)"
        rate = f", {60 * self.points / self.minutes:.2g} points an hour" if self.minutes and self.points > 0 else ""
        return head + f"clearly {self.comparison}, {self.points:+.1f} points{rate}"


def cost_steps(points: Sequence[CostPoint]) -> list[CostStep]:
    """Returns the steps by rising cost, each from the most expensive cheaper kind that was clearly worth its cost."""
    ordered = sorted(points, key=lambda point: point.minutes)
    steps, held = [], ordered[0]
    for point in ordered[1:]:
        steps.append(CostStep(held, point))
        if steps[-1].comparison == "better":
            held = point
    return steps


def worthwhile_points(points: Sequence[CostPoint]) -> list[CostPoint]:
    """Returns, by rising cost, the cheapest point and each that is clearly better than the one before it."""
    first = min(points, key=lambda point: point.minutes)
    return [first, *(step.dear for step in cost_steps(points) if step.comparison == "better")]


def recommend(points: Sequence[CostPoint]) -> str:
    """Returns a recommendation of what to annotate, in a sentence or two."""
    first, *better = worthwhile_points(points)
    unsure = [step for step in cost_steps(points) if step.comparison == "cannot tell apart"]
    text = f"Recommendation: {first.name} ({duration_text(first.minutes)})"
    for point in better:
        text += f"; {point.name} if you have {duration_text(point.minutes)}"
    more = "more --seeds, or more images to score on, may change that"
    if not better and not unsure:
        return text + ". Nothing more expensive is better."
    if not better:
        return text + f". Nothing more expensive is clearly better; {more}."
    if unsure:
        names = ", or ".join(f"{step.cheap.name} and {step.dear.name}" for step in unsure)
        text += f". Cannot tell apart {names}; {more}"
    return text + "."
