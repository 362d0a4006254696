"""Doubts about masks that are told before training: smoothed masks, unnamed values, a single class."""

from collections.abc import Iterable, Mapping

from seglet.data.checking.class_choice import ClassChoice
from seglet.data.checking.mask_values import grey_share, mixed_colours
from seglet.data.class_table import ClassTable
from seglet.data.description import MaskCoding
from seglet.data.errors import Problem
from seglet.types import IGNORE

MIDDLE_GREY = 128
"""Grey from which black and white masks that were compressed or resized are the object."""
_MOST_GREY = 0.25
"""Largest share of pixels between black and white in masks of one object."""
_HIGHEST_USUAL_ID = 63
"""Ids above it with gaps between them are rather levels of grey, among which 255 may be a class."""


def single_class(entries: ClassTable) -> Iterable[Problem]:
    """Yields an error if a single class counts, which any network predicts without a fault."""
    names = [entry.name for entry in entries if not entry.void]
    if len(names) == 1:
        what = f"a single class, {names[0]!r}, counts: there is nothing to learn, and every score would be 100 %"
        cure = "name the rest as well, with a line `0 background` in the class table, and do not declare its id void"
        yield Problem("classes", what, cure)


def smoothed_masks(values: Mapping[int, int]) -> Problem:
    """Returns the error for greys without names that look like those of a smoothed mask."""
    what = (
        f"masks hold {len(values.keys() - {0, IGNORE})} greys between black and white, as those of one object do that "
        "were smoothed (resized with interpolation, or saved as JPEG)"
    )
    cure = (
        f"if so, say from which grey on a pixel is the object: --coding binary_255 --threshold {MIDDLE_GREY}; if they "
        "are ids, give a classes.txt that lists them"
    )
    return Problem("masks", what, cure)


def doubtful_binary_masks(
    chosen: ClassChoice, entries: ClassTable, values: Mapping[int, int], threshold: int | None, stated: bool
) -> Iterable[Problem]:
    """Yields a warning about names that are not used and about greys that are read at a threshold.

    It is an error if too many pixels are grey and the threshold is not `stated` by the user.
    """
    names = [entry.name for entry in chosen.entries or () if not entry.void]
    if chosen.file is not None and not set(names) <= {entry.name for entry in entries}:
        what = f"names {len(names)} classes, but masks of 0 and 255 have two, called background and object"
        yield Problem(str(chosen.file), what, "if there are more, leave out --coding binary_255", "warning")
    if threshold is None or not values.keys() - {0, IGNORE}:
        return
    share = grey_share(values)
    if share > _MOST_GREY and not stated:
        what = f"{share:.0%} of the pixels are neither black nor white, so these are no masks of one object"
        yield Problem("masks", what, "if they are, say from which grey on with --threshold")
    else:
        what = f"masks hold greys: those from {threshold} up are the object; {share:.2%} of the pixels are doubtful"
        yield Problem("masks", what, "say another border with --threshold if that is wrong", "warning")


def doubtful_values(
    coding: MaskCoding, stated: bool, values: Mapping[int, int], chosen: ClassChoice
) -> Iterable[Problem]:
    """Yields doubts about the values of masks that hold ids or colours; a `stated` coding is the user's."""
    named = {entry.id for entry in chosen.entries or () if not entry.void}
    if coding == "index" and not stated and IGNORE not in named and values.keys() == {0, IGNORE}:
        cure = "check with --coding binary_255 if 255 is an object, --coding index if it is void"
        yield Problem("masks", "every mask holds only 0 and 255, which could be an object or void", cure)
    elif chosen.entries is None and values:
        yield from _unnamed_values(coding, stated, values)
    yield from chosen.assumption(values, coding == "colour")


def _unnamed_values(coding: MaskCoding, stated: bool, values: Mapping[int, int]) -> Iterable[Problem]:
    """Yields an error if the values are no classes or may be none, else a warning that they were numbered."""
    ids = sorted(value for value in values if value != IGNORE)
    if coding == "colour" and (mixed := mixed_colours(values)):
        what = f"masks hold {len(values)} colours, of which {mixed} mix others, as smoothing leaves them at borders"
        cure = "export masks without smoothing, or give a classes.txt with the colours that count, and --stray"
        yield Problem("masks", what, cure)
    elif (
        coding == "index"
        and not stated
        and IGNORE in values
        and max(ids, default=0) > max(_HIGHEST_USUAL_ID, 2 * len(ids))
    ):
        levels = ", ".join(map(str, ids[:6])) + (", …" if len(ids) > 6 else "")
        what = f"masks hold {levels} and 255, and nothing says whether 255 is a class or void"
        yield Problem("masks", what, "add a classes.txt with a line `id name` for each class, or `255 void`")
    else:
        cure = "add a classes.txt with a line `id name R G B` for each"
        yield Problem("masks", "nothing names the classes; they were numbered as found in the masks", cure, "warning")


def _are_levels(ids: list[int]) -> bool:
    return bool(ids) and ids[-1] > max(_HIGHEST_USUAL_ID, 2 * len(ids))
