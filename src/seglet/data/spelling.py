"""Compares spellings of names: so similar that one may be a typing error."""

from collections.abc import Iterable
from difflib import SequenceMatcher

from seglet.values import fold_spelling

__all__ = ["fold_spelling", "similar_names"]

_ALIKE = 0.85
"""Similarity (twice the common letters over all letters) from which one of two names may be a typing error."""


def similar_names(names: Iterable[str]) -> list[tuple[str, str]]:
    """Returns the pairs of different names so similar that one may be a typing error, in order."""
    ordered = sorted(names)
    pairs = ((one, other) for place, one in enumerate(ordered) for other in ordered[place + 1 :])
    return [pair for pair in pairs if _alike(*(fold_spelling(name) for name in pair))]


def _alike(one: str, other: str) -> bool:
    match = SequenceMatcher(None, one, other)
    return one != other and match.quick_ratio() >= _ALIKE and match.ratio() >= _ALIKE
