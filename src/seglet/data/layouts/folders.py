"""Plain folders: images in one and masks in another, optionally with a folder or a list per split."""

from dataclasses import replace
from pathlib import Path

from seglet.data.description import ImageItem
from seglet.data.errors import DataError, Problem
from seglet.data.files import image_files, subfolders
from seglet.data.layouts.found import SPLIT_NAMES, FoundLayout, ImageMaskPairs, join_splits, pair_folders, read_id_list

IMAGE_FOLDERS = ("images", "image", "imgs", "img", "pictures", "JPEGImages")
MASK_FOLDERS = (
    "masks",
    "mask",
    "labels",
    "label",
    "annotations",
    "annotation",
    "gt",
    "SegmentationClass",
    "segmentation",
)
_LIST_FOLDERS = ("lists", "splits", "ImageSets/Segmentation", ".")


def find_folders(root: Path) -> FoundLayout | None:
    """Returns the layout of images/ and masks/, of train/ and val/ with such folders, or of images alone."""
    images = _first(root, IMAGE_FOLDERS)
    if images is not None:
        return find_image_and_mask_folders(images, _masks(root), home=root)
    by_split = {
        SPLIT_NAMES[folder.name.lower()]: folder for folder in subfolders(root) if folder.name.lower() in SPLIT_NAMES
    }
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
    return _by_lists(root, found) if list(found.splits) == ["all"] else found


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
    inside = subfolders(images)
    if not inside or not all(folder.name.lower() in SPLIT_NAMES for folder in inside):
        return join_splits("folders", {"all": pair_folders(images, masks)})
    splits: dict[str, ImageMaskPairs] = {}
    for folder in inside:
        partner = masks / folder.name if masks is not None and (masks / folder.name).is_dir() else None
        splits[SPLIT_NAMES[folder.name.lower()]] = pair_folders(folder, partner)
    return join_splits("folders", splits)


def _split_first(root: Path, holding: dict[str, Path]) -> FoundLayout:
    splits: dict[str, ImageMaskPairs] = {}
    for name, folder in holding.items():
        images, masks = _first(folder, IMAGE_FOLDERS), _masks(folder)
        if images is None:
            continue
        splits[name] = pair_folders(images, masks)
    return join_splits("folders", splits)


def _by_lists(root: Path, found: FoundLayout) -> FoundLayout:
    """Returns the layout divided by lists such as lists/train.txt, or unchanged if there are none."""
    files = [
        file
        for folder in _LIST_FOLDERS
        for file in sorted((root / folder).glob("*.txt"))
        if file.stem.lower() in SPLIT_NAMES
    ]
    items = found.splits["all"]
    by_name = {item.id.rsplit("/", 1)[-1]: item for item in items} | {item.id: item for item in items}
    splits: dict[str, tuple[ImageItem, ...]] = {}
    problems = list(found.problems)
    for file in files:
        names = read_id_list(file)
        splits[SPLIT_NAMES[file.stem.lower()]] = tuple(by_name[name] for name in names if name in by_name)
        gone = [name for name in names if name not in by_name]
        problems += (
            Problem(name, f"listed in {file.name} but there is no such image", "restore it, or edit the list")
            for name in gone
        )
    unlabelled = splits.get("unlabelled", ())
    if unlabelled:
        splits["unlabelled"] = tuple(replace(item, mask=None) for item in unlabelled)
    unmasked = tuple(item for item in found.unmasked if item not in unlabelled)
    return replace(found, splits=splits or found.splits, problems=tuple(problems), unmasked=unmasked)


def holds_images_folder(root: Path) -> bool:
    """True if a folder inside `root` is named like one of images."""
    return _first(root, IMAGE_FOLDERS) is not None


def _first(root: Path, names: tuple[str, ...]) -> Path | None:
    there = {folder.name: folder for folder in subfolders(root)}
    return next((there[name] for name in names if name in there), None)


def _masks(root: Path) -> Path | None:
    """Returns the first folder named like a mask folder; one with XML and no image has tags instead."""
    named = [folder for name in MASK_FOLDERS for folder in subfolders(root) if folder.name == name]
    return next((folder for folder in named if image_files(folder) or not any(folder.rglob("*.xml"))), None)
