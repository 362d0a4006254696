"""Judgements about the values that masks hold: ids in three channels, smoothed masks, and masks read at a threshold."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise

import numpy as np

from seglet.data.checking.file_facts import FileFacts
from seglet.data.class_table import unpack_colour
from seglet.types import IGNORE

_FEW_GREYS = 8
"""Greys between black and white from which a mask may be smoothed; fewer are taken for levels."""
_LEVEL_GAP = 8
"""Least distance between the values of masks that hold a few grey levels."""
_MIDDLE = 128
_FIRST_GREY, _LAST_GREY = 32, 223
"""Greys that a black and white mask holds along borders alone; compression leaves others everywhere."""
_FREQUENT, _MIXTURES, _TOLERANCE = 8, 16, 2


def grey_ids(facts: FileFacts) -> dict[int, int] | None:
    """Returns the pixels of each id of a mask that repeats its ids in red, green and blue, or None for real colours."""
    if not facts.coloured or facts.distinct > len(facts.values):
        return None
    parts = {value: unpack_colour(value) for value in facts.values}
    if any(len(set(part)) > 1 for part in parts.values()):
        return None
    return {parts[value][0]: count for value, count in facts.values.items()}


def with_ids(facts: FileFacts) -> FileFacts:
    """Returns the facts of a mask as ids, if it repeats them in three channels; else the facts as they are."""
    ids = grey_ids(facts)
    return facts if ids is None else replace(facts, coloured=False, values=ids)


def at_threshold(facts: FileFacts, threshold: int) -> FileFacts:
    """Returns the facts of a grey mask in which values below the threshold are 0 and all others 255."""
    if facts.coloured or facts.error:
        return facts
    above = sum(count for value, count in facts.values.items() if value >= threshold)
    below = sum(facts.values.values()) - above
    values = {value: count for value, count in ((0, below), (IGNORE, above)) if count}
    return replace(facts, values=values, distinct=len(values))


def looks_smoothed(values: Mapping[int, int]) -> bool:
    """True for greys such as those of a black and white mask that was resized with interpolation.

    There are at least 8 between black and white, some next to each other, in every quarter of the range; or in both
    halves of it, if at least half of the pixels are black or white and both occur.
    """
    between = sorted(value for value in values if 0 < value < IGNORE)
    if len(between) < _FEW_GREYS or min(high - low for low, high in pairwise(between)) >= _LEVEL_GAP:
        return False
    black, white = values.get(0, 0), values.get(IGNORE, 0)
    extreme = black > 0 and white > 0 and 2 * (black + white) >= sum(values.values())
    return {value // 64 for value in between} == {0, 1, 2, 3} or (extreme and between[0] < _MIDDLE <= between[-1])


def grey_share(values: Mapping[int, int]) -> float:
    """Returns the share of pixels that are neither nearly black nor nearly white, in [0, 1]."""
    total = sum(values.values())
    return sum(count for value, count in values.items() if _FIRST_GREY <= value <= _LAST_GREY) / max(total, 1)


def mixed_colours(values: Mapping[int, int]) -> int:
    """Returns the number of packed colours that mix two of the most frequent ones, as smoothing leaves at borders.

    It is 0 for a palette: fewer than 16 mixtures, or not more than half of all colours.
    """
    ordered = sorted(values, key=lambda value: -values[value])
    colours = np.array([unpack_colour(value) for value in ordered], float).reshape(-1, 3)
    mixed = np.zeros(len(colours), bool)
    for place, start in enumerate(colours[:_FREQUENT]):
        for end in colours[place + 1 : _FREQUENT]:
            way = end - start
            share = (colours - start) @ way / (way @ way)
            near = np.abs(colours - start - share[:, None] * way).max(axis=1) <= _TOLERANCE
            mixed |= near & (share > 0) & (share < 1)
    count = int(mixed.sum())
    return count if count >= _MIXTURES and 2 * count > len(values) else 0
