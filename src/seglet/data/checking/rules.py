"""Decides how masks are read, from the user's rules, the layout and the masks themselves."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from seglet.data.checking.file_facts import FileFacts
from seglet.data.class_table import ClassEntry, ClassTable, binary_table, mark_void, numbered_table, unpack_colour
from seglet.data.description import MaskCoding
from seglet.data.errors import DataError, Problem
from seglet.data.layouts.found import FoundLayout
from seglet.images import MAX_PIXELS
from seglet.types import IGNORE

_MAX_CLASSES = 255
_BLACK, _WHITE = 0, 0xFFFFFF


@dataclass(frozen=True)
class MaskRules:
    """Rules for reading masks, given by the user.

    `coding` None leaves it to layout and masks. `void` ids become IGNORE, whatever the table says. `stray` is the share
    of a mask, in [0, 1], that may have values of no class. Files of more than `max_pixels` pixels are refused.
    """

    coding: MaskCoding | None = None
    void: tuple[int, ...] = ()
    stray: float = 0.0
    max_pixels: int = MAX_PIXELS

    def __post_init__(self) -> None:
        if not 0 <= self.stray <= 1:
            raise DataError(f"stray is a share of pixels from 0 to 1, got {self.stray}")
        if self.max_pixels < 1:
            raise DataError(f"max_pixels is {self.max_pixels}; give at least 1")


STRICT_RULES = MaskRules()


@dataclass(frozen=True)
class MaskReading:
    """Coding and class table of the masks of a data set, with warnings about doubtful choices."""

    coding: MaskCoding
    entries: ClassTable
    problems: tuple[Problem, ...] = ()


def decide_mask_reading(
    found: FoundLayout, entries: ClassTable | None, rules: MaskRules, masks: Iterable[FileFacts]
) -> MaskReading:
    """Returns the coding and classes, taken from the rules, the layout and `entries`, or else from the masks.

    Raises:
        DataError: no source names the classes, and the masks have too many values to number them.
    """
    usable = [facts for facts in masks if not facts.error]
    coding = rules.coding or found.coding or ("colour" if _mostly_coloured(usable) else "index")
    stated = rules.coding is not None or found.coding is not None
    values = Counter[int]()
    for facts in usable:
        if facts.coloured == (coding == "colour"):
            values.update(facts.values)
    problems = list(_doubts(coding, stated, values, entries is None))
    if coding == "binary_255":
        entries = binary_table(entries)
    elif entries is None:
        entries = _from_colours(values) if coding == "colour" else _from_ids(values)
    return MaskReading(coding, mark_void(entries, rules.void) if rules.void else entries, tuple(problems))


def _mostly_coloured(masks: list[FileFacts]) -> bool:
    return 2 * sum(facts.coloured for facts in masks) > len(masks)


def _doubts(coding: MaskCoding, stated: bool, values: Counter[int], unnamed: bool) -> Iterable[Problem]:
    if coding == "index" and not stated and set(values) == {0, IGNORE}:
        cure = "check with --coding binary_255 if 255 is an object, --coding index if it is void"
        yield Problem("masks", "every mask holds only 0 and 255, which could be an object or void", cure)
    elif unnamed and values and coding != "binary_255":
        cure = "add a classes.txt with a line `id name R G B` for each"
        yield Problem("masks", "nothing names the classes; they were numbered as found in the masks", cure, "warning")


def _from_ids(values: Counter[int]) -> ClassTable:
    ids = [value for value in values if value != IGNORE]
    if not ids:
        return (ClassEntry(0, "unnamed", (0, 0, 0)),)
    if min(ids) < 0 or max(ids) >= _MAX_CLASSES:
        raise DataError(
            f"masks hold ids from {min(ids)} to {max(ids)} and nothing names the classes; "
            "give a classes.txt that lists the ids that count (instance ids are no classes)"
        )
    return numbered_table(f"class_{number}" for number in range(max(ids) + 1))


def _from_colours(values: Counter[int]) -> ClassTable:
    if set(values) == {_BLACK, _WHITE}:
        return numbered_table(("background", "object"), ((0, 0, 0), (255, 255, 255)))
    if len(values) > _MAX_CLASSES:
        raise DataError(
            f"masks hold {len(values)} colours and nothing names the classes; they may have been smoothed "
            "or saved as JPEG (export them without); give a classes.txt with the colours that count"
        )
    colours = [unpack_colour(value) for value in sorted(values)]
    return numbered_table((f"#{value:06x}" for value in sorted(values)), colours)
