"""Plain folders: images in one and masks in another, optionally with a folder or a list per split."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from seglet.data.description import WHOLE_SPLIT
from seglet.data.errors import DataError, Problem
from seglet.data.files import files_below, image_files, image_name, subfolders
from seglet.data.layouts.found import FoundLayout, ImageMaskPairs, join_splits
from seglet.data.layouts.lists import divide_by_lists
from seglet.data.layouts.pairing import pair_folders
from seglet.data.layouts.patterns import NamePattern
from seglet.data.layouts.roles import IMAGE_FOLDERS, MASK_FOLDERS, folders_named, split_and_role, split_folders
from seglet.data.layouts.split_pairing import pair_split_folders
from seglet.data.layouts.twins import folders_like_masks

_ANNOTATION_SUFFIXES = frozenset({".xml", ".txt", ".json", ".csv"})


def find_folders(root: Path, pattern: NamePattern | None = None) -> FoundLayout | None:
    """Returns the layout of images/ and masks/, of train/ and val/ with such folders, or of images alone."""
    images = _first(root, IMAGE_FOLDERS)
    if images is not None:
        found = find_image_and_mask_folders(images, _masks(root), root, pattern)
        return replace(found, problems=(*found.problems, *_folders_of_masks(root, images, found)))
    by_split, problems = split_folders(root)
    if any(_first(folder, IMAGE_FOLDERS) is not None for folder in by_split.values()):
        return _split_first(by_split, problems, pattern)
    if (found_roles := _by_roles(root, pattern)) is not None:
        return found_roles
    return _beside(root, pattern) if image_files(root) else None


def find_image_and_mask_folders(
    images: Path, masks: Path | None, home: Path | None = None, pattern: NamePattern | None = None
) -> FoundLayout:
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
    found = pair_split_folders(images, masks, pattern)
    return divide_by_lists(root, found, masks) if list(found.splits) == [WHOLE_SPLIT] else found


def _split_first(by_split: dict[str, Path], problems: list[Problem], pattern: NamePattern | None) -> FoundLayout:
    """Returns the layout of train/, val/ and so on, each with folders of images and masks, or with images alone."""
    splits: dict[str, ImageMaskPairs] = {}
    for name, folder in by_split.items():
        images = _first(folder, IMAGE_FOLDERS)
        if images is not None or image_files(folder):
            splits[name] = pair_folders(images or folder, _masks(folder), pattern)
    found = join_splits("folders", splits)
    return replace(found, problems=(*problems, *found.problems))


def _by_roles(root: Path, pattern: NamePattern | None) -> FoundLayout | None:
    """Returns the layout of train/ and train_masks/, or train_images/ and train_masks/, and so on; None without such.

    Folders of images whose split has no folder of masks have no masks.
    """
    folders: dict[tuple[str, bool], Path] = {}
    problems = []
    for folder in subfolders(root):
        if (role := split_and_role(folder.name)) is not None and folders.setdefault(role, folder) != folder:
            what = f"holds the {'masks' if role[1] else 'images'} of {role[0]}, as {folders[role].name!r} does"
            problems.append(Problem(str(folder), what, "put both into one folder"))
    if not any((split, False) in folders and is_masks for split, is_masks in folders):
        return None
    found = join_splits(
        "folders",
        {
            split: pair_folders(folder, folders.get((split, True)), pattern)
            for (split, is_masks), folder in folders.items()
            if not is_masks
        },
    )
    return replace(found, problems=(*problems, *found.problems))


def _beside(root: Path, pattern: NamePattern | None) -> FoundLayout:
    """Returns the layout of images in the root itself, with a folder of masks beside them, or alone."""
    masks = _masks(root)
    if masks is not None:
        paired = find_image_and_mask_folders(root, masks, root, pattern)
        if _has_masks(paired):
            return paired
    alone = find_image_and_mask_folders(root, None, root, pattern)
    if _has_masks(alone):
        return alone
    above = {folder for path in image_files(root) for folder in path.parents if root in folder.parents}
    named = [folder for folder in sorted(above) if folder in folders_named(folder.parent, MASK_FOLDERS)]
    doubts = [*_doubts(named, "named like masks"), *_doubts(folders_like_masks(root, named), "look like masks")]
    return replace(alone, problems=(*alone.problems, *doubts))


def _doubts(folders: Iterable[Path], why: str) -> Iterable[Problem]:
    cure = "check one data set at a time, or say which are --masks"
    return (Problem(str(folder), f"{why}, but taken for images", cure, "warning") for folder in folders)


def _folders_of_masks(root: Path, images: Path, found: FoundLayout) -> Iterable[Problem]:
    """Yields a warning for each folder beside images without masks that seems to hold their masks."""
    if _has_masks(found):
        return
    names = {item.id.rpartition("/")[2] for items in found.splits.values() for item in items}
    for folder in subfolders(root):
        files = image_files(folder) if folder != images else []
        same = [path for path in files if image_name(path, path.parent) in names]
        if same and 2 * len(same) >= len(files) and folders_like_masks(folder, whole=True):
            what = f"{len(same)} of its files have the names of images and look like masks, but are not used"
            yield Problem(str(folder), what, f"to use them, give --masks {folder.name}", "warning")


def _has_masks(found: FoundLayout) -> bool:
    return any(item.mask is not None for items in found.splits.values() for item in items)


def holds_images_folder(root: Path) -> bool:
    """True if a folder inside `root` is named like one of images."""
    return _first(root, IMAGE_FOLDERS) is not None


def _first(root: Path, names: tuple[str, ...]) -> Path | None:
    return next(iter(folders_named(root, names)), None)


def _masks(root: Path) -> Path | None:
    """Returns the first folder named like one of masks that has images, or that has no annotation in another form."""
    named = folders_named(root, MASK_FOLDERS)
    holding = (folder for folder in named if image_files(folder))
    other = (folder for folder in named if not files_below(folder, _ANNOTATION_SUFFIXES))
    return next(holding, None) or next(other, None)
