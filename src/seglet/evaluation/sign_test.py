"""Whether one of two models is better on more images than chance would have it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class SignTest:
    """On how many images the second is better, worse, and equal; `p` is the two-sided probability by chance.

    Source: exact binomial sign test (Dixon and Mood, JASA 1946); equal images are left out.
    """

    better: int
    worse: int
    equal: int

    @property
    def p(self) -> float:
        total, few = self.better + self.worse, min(self.better, self.worse)
        below = sum(math.comb(total, count) for count in range(few + 1))
        return min(1.0, float(2 * below / 2**total))


def sign_test(first: Sequence[float], second: Sequence[float], least: float = 1e-9) -> SignTest:
    """Compares scores image by image; differences up to `least` are none, and those with nan are passed over."""
    changes = [b - a for a, b in zip(first, second, strict=True)]
    better, worse = sum(change > least for change in changes), sum(change < -least for change in changes)
    return SignTest(better, worse, sum(abs(change) <= least for change in changes))
