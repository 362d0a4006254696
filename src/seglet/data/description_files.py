"""Files of descriptions: their place beside the data, which of them is read, and what is never overwritten.

The description of a folder is its `dataset.json`. Other programs keep files of that name too: where one of theirs is,
the description is in the folder's `.seglet`, and that of a read-only folder is in the user's cache.
"""

import contextlib
import json
import re
from pathlib import Path

from seglet.data.errors import DataError
from seglet.data.files import user_cache_folder_for
from seglet.files import can_be_made, delete_path, read_bytes, write_atomically

DESCRIPTION_FILE = "dataset.json"
_OWN_KEYS = frozenset({"version", "root", "layout", "coding", "classes", "splits"})
_OWN_BEGINNING = re.compile(rb'\s*\{\s*"version":\s*-?\d+,\s*"root":')
"""The beginning of descriptions, by which one that was damaged later is known."""


def is_description(file: Path) -> bool:
    """True if the file was written as a description, whatever its version and even if it was damaged since."""
    if not file.is_file() or not file.stat().st_size:
        return False
    content = read_bytes(file)
    if _OWN_BEGINNING.match(content):
        return True
    try:
        stored = json.loads(content)
    except (ValueError, RecursionError):
        return False
    return isinstance(stored, dict) and stored.keys() >= _OWN_KEYS


def _places(folder: Path) -> list[Path]:
    """Returns the files that may hold the description of a folder, in the order in which one is written."""
    places = [folder, folder / ".seglet"]
    with contextlib.suppress(DataError):  # there is no home
        places.append(user_cache_folder_for(folder))
    return [place / DESCRIPTION_FILE for place in places]


def find_description(path: Path) -> Path | None:
    """Returns the description of a folder, or `path` itself if it is a file; None if there is none.

    One in the user's cache goes before one in `.seglet`, and that before the folder's `dataset.json`: they were written
    because that one could not be replaced.
    """
    if not path.is_dir():
        return path if path.is_file() else None
    return next((file for file in reversed(_places(path)) if is_description(file)), None)


def description_path(folder: Path) -> Path:
    """Returns the file to write a folder's description to: the first place that can be written and is not foreign.

    Raises:
        DataError: there is none.
    """
    for file in _places(folder):
        foreign = file.exists() and not is_description(file)
        if not foreign and can_be_made(file.parent):
            return file
    raise DataError(
        f"no place for the description of {str(folder)!r} can be written; name a file with "
        "`seglet data check DIR --out FILE`, or set SEGLET_CACHE to a folder of yours"
    )


def forget_other_descriptions(folder: Path, file: Path) -> None:
    """Deletes descriptions of a folder that would be read before the one in `file`."""
    for other in reversed(_places(folder)):
        if other == file:
            return
        if is_description(other):
            delete_path(other)


def write_description(file: Path, content: bytes) -> None:
    """Writes a description, over an earlier one if there is one.

    Raises:
        DataError: the file holds something else, or cannot be written.
    """
    if file.exists() and not is_description(file):
        raise DataError(
            f"{str(file)!r} is there already and is no description of seglet's, so it is not overwritten; "
            "choose another file"
        )
    if not can_be_made(file.parent):
        raise DataError(
            f"cannot write {str(file)!r}, as its folder is read-only; choose another file, or let `seglet data check "
            "DIR` choose, without --out: the description is then beside the data or in the user's cache, for which "
            "SEGLET_CACHE names a folder"
        )
    write_atomically(file, content)


def delete_description(folder: Path) -> None:
    """Deletes the `dataset.json` of a folder for new data.

    Raises:
        DataError: another program wrote it, so that the description of the new data would have no place.
    """
    file = folder / DESCRIPTION_FILE
    if file.exists() and not is_description(file):
        raise DataError(f"{str(file)!r} is no description of seglet's, so it is not replaced; choose another --out")
    delete_path(file)
