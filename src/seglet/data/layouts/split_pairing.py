"""Pairing of images and masks in folders for each split, such as images/train and masks/train."""

from dataclasses import replace
from pathlib import Path

from seglet.data.description import WHOLE_SPLIT
from seglet.data.errors import Problem
from seglet.data.files import image_files
from seglet.data.layouts.found import FoundLayout, ImageMaskPairs, join_splits
from seglet.data.layouts.pairing import pair_folders
from seglet.data.layouts.patterns import NamePattern
from seglet.data.layouts.roles import split_folders


def pair_split_folders(images: Path, masks: Path | None, pattern: NamePattern | None = None) -> FoundLayout:
    """Returns the layout of images with masks, divided if there are folders inside that are named after splits.

    Folders beside them that have images belong to no split, which is reported. If only one folder is named after a
    split, and there are images beside it, all images are one split.
    """
    named, problems = split_folders(images)
    twice = [Path(problem.file) for problem in problems]
    apart = [*named.values(), *twice, *([] if masks is None or masks == images else [masks])]
    strays = [path for path in image_files(images) if not any(folder in path.parents for folder in apart)]
    if not named or (strays and len(named) < 2):
        whole = join_splits("folders", {WHOLE_SPLIT: pair_folders(images, masks, pattern)})
        doubt = [_one_split(images, next(iter(named.values())), strays)] if named else []
        return replace(whole, problems=(*whole.problems, *doubt))
    found = join_splits("folders", _pairs(named, images, masks, pattern, problems))
    problems += [_left_out(images, strays, list(named))] if strays else []
    return replace(found, problems=(*found.problems, *problems))


def _pairs(
    named: dict[str, Path], images: Path, masks: Path | None, pattern: NamePattern | None, problems: list[Problem]
) -> dict[str, ImageMaskPairs]:
    if masks is None or masks == images:
        return {split: pair_folders(folder, None, pattern) for split, folder in named.items()}
    of_split, double = split_folders(masks)
    problems += double
    if of_split.keys() & named.keys() or not image_files(masks):
        return {split: pair_folders(folder, of_split.get(split), pattern) for split, folder in named.items()}
    return _shared_masks(named, masks, pattern, problems)


def _shared_masks(
    named: dict[str, Path], masks: Path, pattern: NamePattern | None, problems: list[Problem]
) -> dict[str, ImageMaskPairs]:
    """Pairs the images of all splits with one folder of masks; a mask that fits images of two splits is an error."""
    splits = {split: pair_folders(folder, masks, pattern) for split, folder in named.items()}
    owners: dict[Path, Path] = {}
    for pairs in splits.values():
        for item in pairs.items:
            if item.mask is not None and owners.setdefault(item.mask, item.image) != item.image:
                what = f"could be the mask of {owners[item.mask].parent.name} and of {item.image.parent.name}"
                problems.append(Problem(str(item.mask), what, "put masks into a folder for each split"))
    problems += dict.fromkeys(
        problem for pairs in splits.values() for problem in pairs.problems if Path(problem.file) not in owners
    )
    masked = {split for split, pairs in splits.items() if any(item.mask is not None for item in pairs.items)}
    return {
        split: replace(splits[split], problems=()) if split in masked else pair_folders(folder, None)
        for split, folder in named.items()
    }


def _one_split(images: Path, folder: Path, strays: list[Path]) -> Problem:
    what = f"{folder.name!r} is named after a split, but lies beside {_places(images, strays)}: all are one split"
    return Problem(str(images), what, "put all images into folders called train, val, test or unlabelled", "warning")


def _left_out(images: Path, strays: list[Path], splits: list[str]) -> Problem:
    what = f"{len(strays)} images beside {' and '.join(splits)} belong to no split: those in {_places(images, strays)}"
    cure = "to use them, put them into a folder called train, val, test or unlabelled"
    return Problem(str(images), what, cure, "warning")


def _places(images: Path, strays: list[Path]) -> str:
    names = dict.fromkeys(path.relative_to(images).parts[0] if path.parent != images else "." for path in strays)
    return ", ".join(map(repr, list(names)[:3])) + (", …" if len(names) > 3 else "")
