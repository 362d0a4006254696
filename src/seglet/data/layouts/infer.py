"""Recognises the layout of a folder of images and masks."""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from seglet.data.errors import DataError
from seglet.data.files import files_below
from seglet.data.layouts import acdc, ade20k, bdd100k, camvid, cityscapes, coco, exdark, folders, nightcity, voc
from seglet.data.layouts.found import FoundLayout
from seglet.data.layouts.leftovers import unread_files
from seglet.data.layouts.patterns import NamePattern, parse_name_pattern
from seglet.data.layouts.roles import IMAGE_FOLDERS, MASK_FOLDERS, folders_named

_FINDERS = (
    voc.find_voc,
    cityscapes.find_cityscapes,
    acdc.find_acdc,
    bdd100k.find_bdd100k,
    nightcity.find_nightcity,
    exdark.find_exdark,
    ade20k.find_ade20k,
    coco.find_coco,
    camvid.find_camvid,
    folders.find_folders,
)
"""Layouts in the order they are tried; each returns None for a folder of another layout."""


def infer_layout(
    root: Path, masks: Path | None = None, mask_name: str | None = None, read: Collection[Path] = ()
) -> FoundLayout:
    """Returns the first layout that fits or, with `masks` given, the images of `root` paired with those masks.

    With a pattern of names `mask_name` (see `parse_name_pattern`) the layout is one of plain folders. Files beside the
    data that nothing reads are reported, except those in `read`.

    Raises:
        DataError: no layout fits, or the folder does not exist or has no image; lists the layouts. Or the pattern has
            another form.
    """
    if not root.is_dir():
        raise DataError(f"{str(root)!r} is not a folder; give the folder that holds the images")
    pattern = None if mask_name is None else parse_name_pattern(mask_name)
    found = _find(root, masks, pattern)
    items = [item for items in found.splits.values() for item in items]
    files = [file for item in items for file in (item.image, item.mask) if file is not None]
    places = {*(file.parent for file in files), *folders_named(root, (*IMAGE_FOLDERS, *MASK_FOLDERS))}
    unread = unread_files(root, places, found.layout, read)
    return replace(found, problems=(*found.problems, *unread))


def _find(root: Path, masks: Path | None, pattern: NamePattern | None) -> FoundLayout:
    if masks is not None:
        return folders.find_image_and_mask_folders(root, masks, pattern=pattern)
    for find in _FINDERS if pattern is None else (lambda folder: folders.find_folders(folder, pattern),):
        found = find(root)
        if found is not None and any(found.splits.values()):
            return found
        if found is not None and found.problems:
            raise DataError("; ".join(str(problem) for problem in found.problems[:3]))
    unread = unread_files(root, {root, *(path.parent for path in files_below(root, {".npy", ".npz", ".mat"}))})
    there = "; ".join(problem.what for problem in unread[:3])
    raise DataError(
        f"no images found in {str(root)!r}; expected images/ and masks/, each with or without train/ and val/, or "
        "the layout of VOC, Cityscapes, ACDC, BDD100K, NightCity, ExDark, COCO, ADE20K or CamVid, or a folder of "
        "images alone" + (f". In it, {there}" if there else "")
    )
