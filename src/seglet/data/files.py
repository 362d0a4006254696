"""Files and folders of images: reading, hashing, finding them, and where what is computed may be kept."""

import os
import stat
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from seglet.data.errors import DataError
from seglet.files import content_hash

IMAGE_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".jfif", ".mpo", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm"}
)
"""File name endings, in any case, that a folder scan takes for images."""


def image_files(folder: Path) -> list[Path]:
    """Every image file below `folder`, by name; dot files, operating system litter and link loops are passed over.

    Links to files that are gone are kept, so that reading them says so.
    """
    return sorted(_walk(folder, set()))


def _walk(folder: Path, seen: set[Path]) -> Iterator[Path]:
    real = folder.resolve()
    if real in seen:
        return
    seen.add(real)
    try:
        entries = list(os.scandir(folder))
    except OSError as error:
        raise DataError(f"folder {str(folder)!r} cannot be listed ({error.strerror}); check its permissions") from error
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _walk(Path(entry.path), seen)
        elif Path(entry.name).suffix.lower() in IMAGE_SUFFIXES:
            yield Path(entry.path)


def image_name(path: Path, folder: Path) -> str:
    """The name of an image without ending, relative to its folder, the same on every file system."""
    return unicodedata.normalize("NFC", path.relative_to(folder).with_suffix("").as_posix())


def subfolders(folder: Path) -> list[Path]:
    """The visible folders in `folder`, by name; none if it does not exist."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def user_cache_folder() -> Path:
    """Where things may be kept that can be computed again: SEGLET_CACHE, or the user's cache folder."""
    if chosen := os.environ.get("SEGLET_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "seglet"


def is_writable(folder: Path) -> bool:
    """Whether a folder may be written and is meant to be: root can write in read-only ones too, and should not."""
    try:
        meant = folder.stat().st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH)
    except OSError:
        return False
    return bool(meant) and os.access(folder, os.W_OK)


def cache_folder_for(root: Path) -> Path:
    """Where what was computed about the folder `root` is kept: inside it, or in the user's cache if it is read-only."""
    if is_writable(root):
        return root / ".seglet"
    return user_cache_folder() / "data" / content_hash(str(root.resolve()).encode())
