"""Decides how masks are read, from the user's rules, the layout and the masks themselves."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from seglet.data.checking.class_choice import ClassChoice
from seglet.data.checking.doubts import (
    MIDDLE_GREY,
    doubtful_binary_masks,
    doubtful_values,
    single_class,
    smoothed_masks,
)
from seglet.data.checking.file_facts import FileFacts
from seglet.data.checking.mask_values import at_threshold, grey_ids, looks_smoothed, with_ids
from seglet.data.class_table import (
    MAX_ID,
    ClassEntry,
    ClassTable,
    binary_table,
    mark_void,
    numbered_table,
    pack_colour,
    unpack_colour,
)
from seglet.data.description import MaskCoding
from seglet.data.errors import DataError, Problem
from seglet.data.layouts.found import FoundLayout
from seglet.images import MAX_PIXELS
from seglet.types import IGNORE, voc_colour

_MAX_CLASSES = 255
_BLACK, _WHITE = 0, 0xFFFFFF
_JPEG = (
    "mask is a JPEG, which blurs ids at borders; export masks as PNG or, if they are black and white, check with "
    f"--coding binary_255, which reads them at the threshold {MIDDLE_GREY}"
)


@dataclass(frozen=True)
class MaskRules:
    """Rules for reading masks and images, given by the user.

    `coding` None leaves it to layout and masks. `void` ids become IGNORE, whatever the table says. `stray` is the share
    of a mask, in [0, 1], that may have values of no class. Files of more than `max_pixels` pixels are refused. Greys
    from `threshold` up are the object, and all below background; None leaves it to the masks, which are read at 128 if
    their coding is `binary_255` and they are JPEG or smoothed. `channels` names what the images hold in place of red,
    green and blue, in the order of their bands.
    """

    coding: MaskCoding | None = None
    void: tuple[int, ...] = ()
    stray: float = 0.0
    max_pixels: int = MAX_PIXELS
    threshold: int | None = None
    channels: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.channels is not None and (not self.channels or len(set(self.channels)) < len(self.channels)):
            raise DataError(f"channels are {self.channels}; give each band a name of its own")
        if self.threshold is not None and not 1 <= self.threshold <= MAX_ID:
            raise DataError(f"threshold is {self.threshold}; give the lowest grey that is the object, such as 128")
        if self.threshold is not None and self.coding not in (None, "binary_255"):
            raise DataError(f"a threshold is for masks of one object, not for coding {self.coding!r}; leave one out")
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
    threshold: int | None = None

    def settled(self, facts: FileFacts) -> FileFacts:
        """Returns the facts of a mask as they are read: ids in three channels as ids, greys at the threshold."""
        plain = facts if self.coding == "colour" else with_ids(facts)
        if self.threshold is not None:
            return at_threshold(plain, self.threshold)
        if facts.lossy and not facts.error:
            return replace(facts, error=_JPEG)
        return plain


def decide_mask_reading(
    found: FoundLayout, chosen: ClassChoice, rules: MaskRules, masks: Iterable[FileFacts]
) -> MaskReading:
    """Returns the coding and classes, taken from the rules, the masks and the classes chosen, or else from the masks.

    Raises:
        DataError: no source names the classes, and the masks have too many values to number them.
    """
    readable = [facts for facts in masks if not facts.error]
    binary = rules.coding == "binary_255" or rules.threshold is not None
    usable = readable if binary else [facts for facts in readable if not facts.lossy]
    coding = "binary_255" if binary else rules.coding or _coding_of(usable, chosen) or found.coding or "index"
    values = Counter[int]()
    for facts in usable if coding == "colour" else map(with_ids, usable):
        if facts.coloured == (coding == "colour"):
            values.update(facts.values)
    if coding == "binary_255":
        rough = any(facts.lossy for facts in usable) or looks_smoothed(values)
        threshold = rules.threshold or (MIDDLE_GREY if rough else None)
        two = binary_table(chosen.entries)
        doubts = doubtful_binary_masks(chosen, two, values, threshold, rules.threshold is not None)
        return _checked(coding, two, rules, doubts, values, threshold)
    if coding == "index" and chosen.entries is None and looks_smoothed(values):
        return MaskReading("binary_255", binary_table(None), (smoothed_masks(values),), MIDDLE_GREY)
    entries = chosen.entries
    if entries is None:
        entries = _from_colours(values) if coding == "colour" else _from_ids(values)
    return _checked(coding, entries, rules, doubtful_values(coding, rules.coding is not None, values, chosen), values)


def _checked(
    coding: MaskCoding,
    entries: ClassTable,
    rules: MaskRules,
    doubts: Iterable[Problem],
    values: Counter[int],
    threshold: int | None = None,
) -> MaskReading:
    """Returns the reading with the user's void ids; a single class is an error, unless there is another one."""
    entries = mark_void(entries, rules.void) if rules.void else entries
    problems = list(doubts)
    if values and not any(problem.severity == "error" for problem in problems):
        problems += single_class(entries)
    return MaskReading(coding, entries, tuple(problems), threshold)


def _coding_of(masks: list[FileFacts], chosen: ClassChoice) -> MaskCoding | None:
    """Returns the coding of most masks; ids repeated in three channels are ids unless they are colours of classes."""
    if not masks:
        return None
    coloured = [facts for facts in masks if facts.coloured]
    if 2 * len(coloured) <= len(masks):
        return "index"
    ids = [grey_ids(facts) for facts in coloured]
    if any(each is None for each in ids):
        return "colour"
    colours = {value for facts in coloured for value in facts.values}
    if chosen.entries is None:
        return "colour" if colours == {_BLACK, _WHITE} else "index"
    known = {entry.id for entry in chosen.entries}
    are_colours = colours <= {pack_colour(entry.colour) for entry in chosen.entries}
    are_ids = {number for each in ids for number in each or ()} <= known
    if chosen.coloured and not are_ids:
        return "colour"
    return "colour" if are_colours and (chosen.coloured or not are_ids) else "index"


def _from_ids(values: Counter[int]) -> ClassTable:
    ids = sorted(value for value in values if value != IGNORE)
    if not ids:
        return (ClassEntry(0, "unnamed", (0, 0, 0)),)
    if ids[0] < 0 or ids[-1] >= _MAX_CLASSES:
        raise DataError(
            f"masks hold ids from {ids[0]} to {ids[-1]} and nothing names the classes; "
            "give a classes.txt that lists the ids that count (instance ids are no classes)"
        )
    return tuple(ClassEntry(number, f"class_{number}", voc_colour(number)) for number in ids)


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
