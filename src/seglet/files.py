"""Files that are either whole or not there: durable writes, hashes, JSON.

A write goes to a temporary name beside its destination, reaches the disk, and only then takes the destination's name.
"""

import contextlib
import errno
import hashlib
import json
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


class DataError(ValueError):
    """Data on disk are not what they should be; the message names the file and the cure."""


TEMPORARY = ".partial-"
"""Prefix of files and folders that were being written when the process died; see `delete_partial`."""

ASIDE = "-aside-"
"""Stands in the name of a folder that made room for its successor, before the name it had."""


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path, file or folder as the caller makes it, that becomes `path` if the block ends well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f"{TEMPORARY}{secrets.token_hex(4)}-{path.name}"
    try:
        yield temporary
        for part in [*temporary.rglob("*"), temporary] if temporary.is_dir() else [temporary]:
            sync(part)
        if temporary.is_dir() and path.exists():
            _swap(temporary, path)
        else:
            temporary.replace(path)
        sync(path.parent)
    finally:
        delete(temporary)


def _swap(new: Path, old: Path) -> None:
    """Folders cannot be replaced in one call: the old one steps aside first, so one of the two is always whole."""
    aside = old.parent / f"{TEMPORARY}{secrets.token_hex(4)}{ASIDE}{old.name}"
    old.rename(aside)
    new.rename(old)
    delete(aside)


def sync(path: Path) -> None:
    """Asks the operating system to put a file or a folder's listing on the disk.

    Raises:
        OSError: it could not; a full or failing disk may say so only now.
    """
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if not path.is_dir() and error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some file systems cannot
            raise
    finally:
        os.close(handle)


def delete(path: Path) -> None:
    """Removes a file or folder if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def delete_partial(folder: Path) -> None:
    """Removes what interrupted writes left in `folder`; a folder that had stepped aside returns to its place."""
    for aside in folder.glob(f"{TEMPORARY}*{ASIDE}*"):
        place = folder / aside.name.partition(ASIDE)[2]
        if not place.exists():
            aside.rename(place)
    for path in folder.glob(f"{TEMPORARY}*"):
        delete(path)


def write_text(path: Path, text: str) -> None:
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_tensors(path: Path, tensors: Mapping[str, "Tensor"], metadata: dict[str, str] | None = None) -> None:
    """A safetensors file, not durable by itself: for use inside `replacing`.

    Raises:
        OSError: the disk is full, the folder is not there, …; safetensors has an error of its own for that.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    try:
        save_file(dict(tensors), path, metadata)
    except SafetensorError as error:
        told = re.search(r"os error (\d+)", str(error))
        if told is None:
            raise
        raise OSError(int(told[1]), os.strerror(int(told[1])), str(path)) from error


def read_json(path: Path) -> Any:
    """
    Raises:
        ValueError: the file is not JSON; the message names it.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not valid JSON ({error}); it may be damaged: restore or delete it") from error


def sha256(path: Path) -> str:
    """Hexadecimal digest of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_bytes(path: Path) -> bytes:
    """The content of a regular file that is not empty; anything else is a DataError that says what it is."""
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            kind = "a folder" if stat.S_ISDIR(mode) else "not a regular file"
            raise DataError(f"{str(path)!r} is {kind}; an image file was expected, rename or remove it")
        content = path.read_bytes()
    except FileNotFoundError:
        if path.is_symlink():
            raise DataError(f"{str(path)!r} links to a file that is gone; repair or remove the link") from None
        raise DataError(f"{str(path)!r} does not exist; restore it or run `seglet data check` again") from None
    except OSError as error:
        raise DataError(f"{str(path)!r} cannot be read ({error.strerror}); check its permissions") from error
    if not content:
        raise DataError(f"{str(path)!r} is empty (0 bytes); download or export it again")
    return content


def content_hash(content: bytes) -> str:
    """128 bits of SHA-256 in hex."""
    return hashlib.sha256(content).hexdigest()[:32]


def write_atomically(path: Path, content: bytes) -> None:
    """Puts `content` at `path` whole or not at all; makes the folders it needs.

    Raises:
        DataError: the folder cannot be written, or the disk is full.
    """
    try:
        with replacing(path) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        raise DataError(f"cannot write {str(path)!r} ({error.strerror}); free space or choose another place") from error
