"""Result of recognising a layout: its splits, with images, masks and problems."""

from collections.abc import Mapping
from dataclasses import dataclass

from seglet.data.class_table import ClassTable
from seglet.data.description import ImageItem, MaskCoding
from seglet.data.errors import Problem


@dataclass(frozen=True)
class FoundLayout:
    """Splits of a folder whose layout was recognised.

    `entries` are the classes of the data set that the layout is named after, or None. They are assumed: a class table
    beside the data takes precedence, unless the masks were `drawn` from annotations with these entries. A table that
    does not name the value `unlabelled` leaves it void. `unmasked` are the images that should have a mask and have
    none: an error, unless they have tags.
    """

    layout: str
    splits: dict[str, tuple[ImageItem, ...]]
    entries: ClassTable | None = None
    coding: MaskCoding | None = None
    problems: tuple[Problem, ...] = ()
    unmasked: tuple[ImageItem, ...] = ()
    unlabelled: int | None = None
    drawn: bool = False


@dataclass(frozen=True)
class ImageMaskPairs:
    """Images of a folder with their masks; the other fields are as in `FoundLayout`."""

    items: tuple[ImageItem, ...]
    problems: tuple[Problem, ...]
    unmasked: tuple[ImageItem, ...] = ()


def join_splits(
    layout: str,
    splits: Mapping[str, ImageMaskPairs],
    entries: ClassTable | None = None,
    coding: MaskCoding | None = None,
) -> FoundLayout:
    """Returns the layout of several splits, with the problems of all."""
    problems = tuple(problem for pairs in splits.values() for problem in pairs.problems)
    unmasked = tuple(item for pairs in splits.values() for item in pairs.unmasked)
    return FoundLayout(
        layout, {name: pairs.items for name, pairs in splits.items()}, entries, coding, problems, unmasked
    )


def missing_mask_problem(item: ImageItem) -> Problem:
    """Returns the error for an image that should have a mask."""
    cure = "add the mask, or move the image to a folder of unlabelled ones"
    return Problem(str(item.image), "image without a mask", cure)
