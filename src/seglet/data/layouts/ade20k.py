"""ADE20K scene parsing: images/ and annotations/ with training/ and validation/; 0 is unlabelled, classes are 1 to 150.

Also any images/ and masks/ whose files are called ADE_train_… and ADE_val_….
"""

from dataclasses import replace
from pathlib import Path

from seglet.data.class_table import numbered_table
from seglet.data.files import image_files
from seglet.data.layouts import folders
from seglet.data.layouts.found import FoundLayout

_NUM_CLASSES = 150
_UNLABELLED_ID = 0
_PLACEHOLDERS = numbered_table((f"class_{number}" for number in range(1, _NUM_CLASSES + 1)), first=1)


def find_ade20k(root: Path) -> FoundLayout | None:
    """Returns the layout if the folder has ADE20K's structure or file names."""
    official = (root / "images" / "training").is_dir() and (root / "annotations" / "training").is_dir()
    if not official and not _is_renamed(root):
        return None
    found = folders.find_folders(root)
    if found is None:
        return None
    return replace(found, layout="ade20k", entries=_PLACEHOLDERS, unlabelled=_UNLABELLED_ID)


def _is_renamed(root: Path) -> bool:
    folder = root / "images"
    names = [path.name for path in image_files(folder)[:20]] if folder.is_dir() else []
    return bool(names) and all(name.startswith(("ADE_train_", "ADE_val_")) for name in names)
