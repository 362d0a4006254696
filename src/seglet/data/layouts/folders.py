"""Plain folders: images in one and masks in another, optionally with a folder or a list per split."""

from dataclasses import replace
from pathlib import Path

from seglet.data.description import WHOLE_SPLIT
from seglet.data.errors import DataError, Problem
from seglet.data.files import files_below, image_files, subfolders
from seglet.data.layouts.found import FoundLayout, ImageMaskPairs, join_splits, pair_folders
from seglet.data.layouts.lists import divide_by_lists
from seglet.data.layouts.roles import IMAGE_FOLDERS, MASK_FOLDERS, folders_named, split_of


def find_folders(root: Path) -> FoundLayout | None:
    """Returns the layout of images/ and masks/, of train/ and val/ with such folders, or of images alone."""
    images = _first(root, IMAGE_FOLDERS)
    if images is not None:
        return find_image_and_mask_folders(images, _masks(root), home=root)
    by_split = {name: folder for folder in subfolders(root) if (name := split_of(folder.name)) is not None}
    holding = {name: folder for name, folder in by_split.items() if _first(folder, IMAGE_FOLDERS) is not None}
    if holding:
        return _split_first(root, holding)
    if image_files(root):
        return _beside(root)
    return None


def find_image_and_mask_folders(images: Path, masks: Path | None, home: Path | None = None) -> FoundLayout:
    """Returns the layout of a folder of images and a folder of masks.

    Lists of splits are searched in `home`, by default the parent folder of the images.

    Raises:
        DataError: the folder of masks does not exist.
    """
    if masks is not None and not masks.is_dir():
        raise DataError(f"{str(masks)!r} is not a folder; give the folder that holds the masks")
    root = home or images.parent
    inner = _first(images, IMAGE_FOLDERS)  # the folder above was given together with one of its mask folders
    if home is None and inner is not None:
        images, root = inner, images
    found = _by_folder(images, masks)
    return divide_by_lists(root, found, masks) if list(found.splits) == [WHOLE_SPLIT] else found


def _beside(root: Path) -> FoundLayout:
    """Returns the layout of images in the root itself, with a folder of masks beside them, or alone."""
    masks = _masks(root)
    if masks is not None:
        paired = find_image_and_mask_folders(root, masks, home=root)
        if any(item.mask is not None for items in paired.splits.values() for item in items):
            return paired
    alone = find_image_and_mask_folders(root, None, home=root)
    what, cure = "named like masks, but taken for images", "check one data set at a time, or say which are --masks"
    above = {folder for path in image_files(root) for folder in path.parents if root in folder.parents}
    doubts = (Problem(str(folder), what, cure, "warning") for folder in sorted(above) if folder.name in MASK_FOLDERS)
    return replace(alone, problems=(*alone.problems, *doubts))


def _by_folder(images: Path, masks: Path | None) -> FoundLayout:
    inside = {folder: split_of(folder.name) for folder in subfolders(images)}
    if not inside or None in inside.values():
        return join_splits("folders", {WHOLE_SPLIT: pair_folders(images, masks)})
    splits: dict[str, ImageMaskPairs] = {}
    for folder, name in inside.items():
        partner = masks / folder.name if masks is not None and (masks / folder.name).is_dir() else None
        splits[name or WHOLE_SPLIT] = pair_folders(folder, partner)
    return join_splits("folders", splits)


def _split_first(root: Path, holding: dict[str, Path]) -> FoundLayout:
    splits: dict[str, ImageMaskPairs] = {}
    for name, folder in holding.items():
        images, masks = _first(folder, IMAGE_FOLDERS), _masks(folder)
        if images is None:
            continue
        splits[name] = pair_folders(images, masks)
    return join_splits("folders", splits)


def holds_images_folder(root: Path) -> bool:
    """True if a folder inside `root` is named like one of images."""
    return _first(root, IMAGE_FOLDERS) is not None


def _first(root: Path, names: tuple[str, ...]) -> Path | None:
    return next(iter(folders_named(root, names)), None)


def _masks(root: Path) -> Path | None:
    """Returns the first folder named like a mask folder; one with XML and no image has tags instead."""
    named = folders_named(root, MASK_FOLDERS)
    return next((folder for folder in named if image_files(folder) or not files_below(folder, {".xml"})), None)
