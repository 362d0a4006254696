"""Paired differences between rows of a table and their controls, seed by seed, with the sign test."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seglet.evaluation.significance import SignTest, sign_test


@dataclass(frozen=True)
class PairedDifference:
    """A row's mIoU minus that of its control, in points, on each seed that both have."""

    row: str
    control: str
    differences: Mapping[int, float]

    @property
    def test(self) -> SignTest:
        """The sign test over seeds: with three of three its p is .25, with five of five .06."""
        return sign_test([0.0] * len(self.differences), list(self.differences.values()))


def paired_differences(results: Mapping[str, Any]) -> list[PairedDifference]:
    """Compares each row of a table's results with its controls, if they have a seed in common."""
    scores = _scores(results)
    controls: Mapping[str, Sequence[str]] = results.get("controls", {})
    pairs = [(row, control) for row, others in controls.items() for control in others]
    found = [PairedDifference(row, control, _differences(scores, row, control)) for row, control in pairs]
    return [pair for pair in found if pair.differences]


def gap_shares(results: Mapping[str, Any]) -> dict[str, list[float]]:
    """Computes how much of the gap between two rows each row closes that names such two, in %, on each seed of all
    three; 0 is the first's mIoU and 100 the second's."""
    scores, found = _scores(results), {}
    for row, (low, high) in results.get("between", {}).items():
        mine, least, most = (scores.get(name, {}) for name in (row, low, high))
        seeds = [seed for seed in mine if seed in least and seed in most and least[seed] != most[seed]]
        found[row] = [100 * (mine[seed] - least[seed]) / (most[seed] - least[seed]) for seed in seeds]
    return found


def _scores(results: Mapping[str, Any]) -> dict[str, dict[int, float]]:
    """Returns mIoU in % by row and seed."""
    scores: dict[str, dict[int, float]] = {}
    for entry in results["rows"]:
        scores.setdefault(entry["row"], {})[entry["seed"]] = 100 * entry["miou"]
    return scores


def pair_cells(pairs: Sequence[PairedDifference]) -> list[list[str]]:
    """Returns head and rows of the table of paired differences."""
    head = ["row", "its control", "difference, points", "ahead on", "sign test, p"]
    return [head, *(_line(pair) for pair in pairs)]


def _differences(scores: Mapping[str, Mapping[int, float]], row: str, control: str) -> dict[int, float]:
    mine, theirs = scores.get(row, {}), scores.get(control, {})
    return {seed: mine[seed] - theirs[seed] for seed in mine if seed in theirs}


def _line(pair: PairedDifference) -> list[str]:
    values = list(pair.differences.values())
    mean = f"{statistics.fmean(values):+.2f}" + (f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else "")
    seeds = f"{pair.test.better} of {len(values)} seed{'s' if len(values) > 1 else ''}"
    return [pair.row, pair.control, mean, seeds, f"{pair.test.p:.2f}" if len(values) > 1 else ""]
