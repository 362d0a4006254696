"""Finds image files, names images, and chooses the folders for cached results."""

import os
import stat
import unicodedata
from collections.abc import Container, Iterator
from pathlib import Path

from seglet.data.errors import DataError
from seglet.files import content_hash, user_cache_folder

IMAGE_SUFFIXES = frozenset(
    {
        ".png",
        ".jpg",
        ".jpeg",
        ".jfif",
        ".mpo",
        ".bmp",
        ".gif",
        ".webp",
        ".tif",
        ".tiff",
        ".ppm",
        ".pgm",
        ".pbm",
        ".dcm",
        ".dicom",
    }
)
"""Suffixes, in any case, of the files that a folder scan takes for images."""


_SYSTEM_FOLDERS = frozenset(
    {"@eadir", "__macosx", "#recycle", "$recycle.bin", "system volume information", "lost+found"}
)
"""Folders that network storage and operating systems put beside files, with thumbnails and copies."""


def image_files(folder: Path) -> list[Path]:
    """Returns every image file below `folder`, by name; hidden files, system folders and link loops are skipped.

    Broken links are kept, so that reading them reports the missing file.
    """
    return files_below(folder, IMAGE_SUFFIXES)


def files_below(folder: Path, suffixes: Container[str]) -> list[Path]:
    """Returns every file below `folder` with one of the suffixes, in lower case, as `image_files` does."""
    return sorted(_walk(folder, suffixes, set()))


def _walk(folder: Path, suffixes: Container[str], visited: set[Path]) -> Iterator[Path]:
    real = folder.resolve()
    if real in visited:
        return
    visited.add(real)
    try:
        entries = list(os.scandir(folder))
    except OSError as error:
        raise DataError(f"folder {str(folder)!r} cannot be listed ({error.strerror}); check its permissions") from error
    for entry in entries:
        if not is_visible(entry.name):
            continue
        if entry.is_dir():
            yield from _walk(Path(entry.path), suffixes, visited)
        elif Path(entry.name).suffix.lower() in suffixes:
            yield Path(entry.path)


def is_visible(name: str) -> bool:
    """True unless a file or folder of this name is hidden or belongs to the system."""
    return not name.startswith(".") and name.lower() not in _SYSTEM_FOLDERS


def image_name(path: Path, folder: Path) -> str:
    """Returns the path of an image relative to its folder, without suffix and normalised to be the same everywhere."""
    return unicodedata.normalize("NFC", path.relative_to(folder).with_suffix("").as_posix())


def subfolders(folder: Path) -> list[Path]:
    """Returns the visible folders in `folder`, by name; none if it does not exist."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_dir() and is_visible(path.name))


def is_writable(folder: Path) -> bool:
    """True if the folder is writable by its mode as well as for this process: root could write to read-only folders."""
    try:
        meant = folder.stat().st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH)
    except OSError:
        return False
    return bool(meant) and os.access(folder, os.W_OK)


def cache_folder_for(root: Path) -> Path:
    """Returns the cache of the folder `root`: .seglet inside it, or a folder of the user's cache if it is read-only."""
    return root / ".seglet" if is_writable(root) else user_cache_folder_for(root)


def user_cache_folder_for(root: Path) -> Path:
    """Returns the folder in the user's cache that belongs to the folder `root`."""
    return user_cache_folder() / "data" / content_hash(os.fsencode(root.resolve()))
