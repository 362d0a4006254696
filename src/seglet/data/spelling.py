"""When two ways of writing a name mean the same thing, and when they might."""

import unicodedata
from collections.abc import Iterable
from difflib import SequenceMatcher

_ALIKE = 0.85
"""Names that share so much (twice the common letters over all letters) may be one name and a slip."""


def fold_spelling(name: str) -> str:
    """What stays of a name without capitals, blanks, underscores and hyphens: 'Dining_Table' and 'diningtable'."""
    plain = unicodedata.normalize("NFKC", name).casefold()
    return "".join(letter for letter in plain if letter not in " _-\t")


def lookalikes(names: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs of different names that differ by so little that one may be a slip, in order."""
    ordered = sorted(names)
    pairs = ((one, other) for place, one in enumerate(ordered) for other in ordered[place + 1 :])
    return [pair for pair in pairs if _alike(*(fold_spelling(name) for name in pair))]


def _alike(one: str, other: str) -> bool:
    match = SequenceMatcher(None, one, other)
    return one != other and match.quick_ratio() >= _ALIKE and match.ratio() >= _ALIKE
