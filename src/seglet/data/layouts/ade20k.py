"""ADE20K scene parsing: images/ and annotations/ with training/ and validation/; 0 is unlabelled, classes are 1 to 150.

Also any images/ and masks/ whose files are called ADE_train_… and ADE_val_….
"""

from dataclasses import replace
from pathlib import Path

from seglet.data.class_table import ClassEntry, ClassTable, mark_void, numbered_table, read_class_table
from seglet.data.errors import DataError
from seglet.data.files import image_files
from seglet.data.layouts import folders
from seglet.data.layouts.found import FoundLayout
from seglet.files import read_bytes

_NUM_CLASSES = 150
_UNLABELLED_ID = 0


def find_ade20k(root: Path) -> FoundLayout | None:
    """Returns the layout if the folder has ADE20K's structure or file names."""
    official = (root / "images" / "training").is_dir() and (root / "annotations" / "training").is_dir()
    if not official and not _is_renamed(root):
        return None
    found = folders.find_folders(root)
    if found is None:
        return None
    return replace(found, layout="ade20k", entries=_entries(root), coding="index", table=None)


def _is_renamed(root: Path) -> bool:
    folder = root / "images"
    names = [path.name for path in image_files(folder)[:20]] if folder.is_dir() else []
    return bool(names) and all(name.startswith(("ADE_train_", "ADE_val_")) for name in names)


def _entries(root: Path) -> ClassTable:
    for name in ("objectInfo150.txt", "objectinfo150.txt"):
        if (root / name).is_file():
            return _with_unlabelled(_object_info(root / name))
    if (root / "classes.txt").is_file():
        entries = read_class_table(root / "classes.txt")
        numbered_from_0 = entries[0].id == 0 and not entries[0].void
        return _with_unlabelled(
            numbered_table((entry.name for entry in entries), first=1) if numbered_from_0 else entries
        )
    return _with_unlabelled(numbered_table((f"class_{number}" for number in range(1, _NUM_CLASSES + 1)), first=1))


def _with_unlabelled(entries: ClassTable) -> ClassTable:
    named = (
        ClassEntry(_UNLABELLED_ID, "unlabelled", (0, 0, 0), void=True),
        *(entry for entry in entries if entry.id != _UNLABELLED_ID),
    )
    return mark_void(named, ())


def _object_info(path: Path) -> ClassTable:
    """Reads the table of the release: tab-separated lines under a heading, id first and names last."""
    lines = [line.split("\t") for line in read_bytes(path).decode("utf-8", "replace").splitlines() if line.strip()]
    rows = [(line[0].strip(), line[-1].strip()) for line in lines if line[0].strip().isdigit()]
    if not rows:
        raise DataError(f"{str(path)!r} has no line that begins with an id and a tab; restore it from the release")
    return tuple(
        ClassEntry(int(number), name, numbered_table([name], first=int(number))[0].colour) for number, name in rows
    )
