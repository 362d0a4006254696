"""Result of recognising a layout, and pairing of images with masks by name."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from seglet.data.class_table import ClassTable
from seglet.data.description import ImageItem, MaskCoding
from seglet.data.errors import Problem
from seglet.data.files import image_files, image_name

_MASK_SUFFIXES = ("", "_mask", "_masks", "_gt", "_label", "_labels", "_L", "_seg", "_labelIds", "_labelTrainIds")
"""Suffixes that names of masks may have after the name of their image."""


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


def pair_folders(images: Path, masks: Path | None) -> ImageMaskPairs:
    """Pairs the images of one folder with the masks of another by name, and reports those without a unique partner."""
    problems: list[Problem] = []
    own = (path for path in image_files(images) if masks is None or masks == images or masks not in path.parents)
    by_name = _unique(own, images, problems)
    if masks is None:
        return ImageMaskPairs(tuple(ImageItem(name, path) for name, path in by_name.items()), tuple(problems))
    mask_of = _unique(image_files(masks), masks, problems)
    suffix = _common_suffix(by_name, mask_of)
    items = tuple(ImageItem(name, path, mask_of.pop(name + suffix, None)) for name, path in by_name.items())
    problems += (
        Problem(str(path), "mask of no image", "remove it, or restore its image", "warning")
        for path in mask_of.values()
    )
    return ImageMaskPairs(items, tuple(problems), tuple(item for item in items if item.mask is None))


def missing_mask_problem(item: ImageItem) -> Problem:
    """Returns the error for an image that should have a mask."""
    cure = "add the mask, or move the image to a folder of unlabelled ones"
    return Problem(str(item.image), "image without a mask", cure)


def _common_suffix(images: Iterable[str], masks: Iterable[str]) -> str:
    names, there = list(images), set(masks)
    return max(_MASK_SUFFIXES, key=lambda suffix: sum(name + suffix in there for name in names))


def _unique(paths: Iterable[Path], folder: Path, problems: list[Problem]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    folded: dict[str, Path] = {}
    for path in paths:
        name = image_name(path, folder)
        if name in found:
            problems.append(Problem(str(path), f"same name as {found[name].name!r}", "rename or remove one of them"))
            continue
        twin = folded.setdefault(name.casefold(), path)
        if twin is not path:
            what = f"differs from {twin.name!r} only in capitals, which many file systems cannot keep apart"
            problems.append(Problem(str(path), what, "rename one of them", "warning"))
        found[name] = path
    return found
