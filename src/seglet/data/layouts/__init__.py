"""Recognises how a folder of images and masks is arranged. One file a layout; each offers `find(root)`."""

from pathlib import Path

from seglet.data.errors import DataError
from seglet.data.layouts import ade20k, camvid, cityscapes, coco, folders, voc
from seglet.data.layouts.found import Found

FINDERS = (voc.find, cityscapes.find, ade20k.find, coco.find, camvid.find, folders.find)
"""Asked in this order; each returns None for a folder that is not its own."""


def infer(root: Path, masks: Path | None = None) -> Found:
    """The first layout that fits, or, with `masks` given, the images of `root` paired with the masks there.

    Raises:
        DataError: no layout fits, the folder does not exist or holds no image; says what is looked for.
    """
    if not root.is_dir():
        raise DataError(f"{str(root)!r} is not a folder; give the folder that holds the images")
    if masks is not None:
        return folders.find_pair(root, masks)
    for find in FINDERS:
        found = find(root)
        if found is not None and any(found.splits.values()):
            return found
        if found is not None and found.problems:
            raise DataError("; ".join(str(problem) for problem in found.problems[:3]))
    raise DataError(
        f"no images found in {str(root)!r}; expected images/ and masks/, each with or without train/ and val/, or "
        "the layout of VOC, Cityscapes, COCO, ADE20K or CamVid, or a folder of images alone"
    )
