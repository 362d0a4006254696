"""Durable files: a write succeeds as a whole or changes nothing; also hashes, JSON and the user's cache folder.

Content is written under a temporary name beside its destination, synchronised to disk and then renamed.
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
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

_WORTH_REMEMBERING = 2**20
"""Bytes of a file from which its hash is remembered."""


class DataError(ValueError):
    """Invalid data on disk; the message names the file and says what to do."""


TEMPORARY = ".partial-"
"""Prefix of files and folders whose writing was interrupted; see `delete_partial`."""

_LONGEST_NAME = 255 - len(f"{TEMPORARY}12345678-")
"""Bytes of a name that can have the prefix of an unfinished file; file systems allow 255 in all."""

_END = 16
"""Letters at the end of a long name that are kept, so that its suffix is."""

_ASIDE = "aside-"
"""Follows `TEMPORARY` in the name of a folder that was moved aside for its successor; no hexadecimal number does."""


@contextlib.contextmanager
def replace_atomically(path: Path) -> Iterator[Path]:
    """Yields a temporary path for a file or folder, which replaces `path` if the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f"{TEMPORARY}{secrets.token_hex(4)}-{_short(path.name)}"
    try:
        yield temporary
        for part in [*temporary.rglob("*"), temporary] if temporary.is_dir() else [temporary]:
            sync_to_disk(part)
        if temporary.is_dir() and path.exists():
            _swap(temporary, path)
        else:
            temporary.replace(path)
        sync_to_disk(path.parent)
    except OSError as error:
        if error.filename is not None or error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error  # a full disk names no file by itself
    finally:
        delete_path(temporary)


def _short(name: str) -> str:
    """Returns a name, or its hash and its end where a prefix would make it longer than file systems allow."""
    stored = os.fsencode(name)
    return name if len(stored) <= _LONGEST_NAME else f"{hashlib.sha256(stored).hexdigest()[:16]}{name[-_END:]}"


def _swap(new: Path, old: Path) -> None:
    """Replaces a folder, which takes two calls: the old one moves aside first, so one of the two is always whole."""
    aside = old.parent / f"{TEMPORARY}{_ASIDE}{secrets.token_hex(4)}-{old.name}"
    old.rename(aside)
    new.rename(old)
    delete_path(aside)


def sync_to_disk(path: Path) -> None:
    """Synchronises a file, or the listing of a folder, to disk.

    Raises:
        OSError: the disk is full or fails, which may only show here.
    """
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if not path.is_dir() and error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some file systems cannot
            raise
    finally:
        os.close(handle)


def delete_path(path: Path) -> None:
    """Deletes a file or folder if it exists."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def delete_partial(folder: Path) -> None:
    """Deletes the remains of interrupted writes in `folder`, and restores folders that had moved aside."""
    for aside in folder.glob(f"{TEMPORARY}{_ASIDE}*"):
        place = folder / aside.name.removeprefix(f"{TEMPORARY}{_ASIDE}").partition("-")[2]
        if not place.exists():
            aside.rename(place)
    for path in folder.glob(f"{TEMPORARY}*"):
        delete_path(path)


def path_below(folder: Path, name: str, ending: str = "") -> Path:
    """Returns the path of a file in a folder or below it; the ending is appended, as names may contain dots.

    Every name that somebody else may have chosen becomes a path here: ids, names of splits, of rows and of files.

    Raises:
        DataError: the name leads out of the folder, on this system or on Windows, is empty, or holds NUL.
    """
    below = PurePosixPath(name)
    parts = name.replace("\\", "/").split("/")
    if below.is_absolute() or ".." in parts or PureWindowsPath(name).drive:
        raise DataError(f"{name!r} leads out of {str(folder)!r}; nothing is written for it")
    if not below.name or "\0" in name:
        raise DataError(f"{name!r} cannot be the name of a file in {str(folder)!r}; rename it")
    return folder / below.parent / f"{below.name}{ending}"


def expand_home(path: str | Path) -> Path:
    """Returns a path whose `~` or `~NAME` at the beginning is replaced by that user's home.

    Raises:
        DataError: the home is not known, as of a user without an account in a container.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise DataError(f"the home folder that {str(path)!r} begins with is not known; write the path out") from error


def write_text(path: Path, text: str) -> None:
    """Writes text in UTF-8, durably.

    Raises:
        DataError: the text has the name of a file that is no UTF-8.
    """
    try:
        content = text.encode()
    except UnicodeEncodeError as error:
        place = text[max(0, error.start - _END) : error.end + _END]
        raise DataError(f"cannot write {str(path)!r}: it would hold a name that is no UTF-8, {place!r}; rename that "
                        "file") from error  # fmt: skip
    with replace_atomically(path) as temporary:
        temporary.write_bytes(content)


def write_json(path: Path, value: Any) -> None:
    """Writes a value as indented JSON, durably."""
    write_text(path, json_text(value, indent=2) + "\n")


def json_text(value: Any, indent: int | None = None) -> str:
    """Returns a value as JSON that can be written in UTF-8, also with names of files that are no UTF-8."""
    separators = None if indent else (",", ":")
    text = json.dumps(value, indent=indent, ensure_ascii=False, separators=separators)
    return text if is_utf8(text) else json.dumps(value, indent=indent, separators=separators)


def is_utf8(text: str) -> bool:
    """True unless the text has bytes of a file name that are no UTF-8, which Python reads as lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def write_tensors(path: Path, tensors: Mapping[str, "Tensor"], metadata: dict[str, str] | None = None) -> None:
    """Writes a safetensors file. It is not durable by itself: use it inside `replace_atomically`.

    Raises:
        OSError: the disk is full, the folder is missing and so on; safetensors would raise an error of its own.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    try:
        save_file(dict(tensors), path, metadata)
    except SafetensorError as error:
        number = re.search(r"os error (\d+)", str(error))
        if number is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1])), str(path)) from error


def read_json(path: Path) -> Any:
    """Reads a JSON file in UTF-8, or in UTF-16 or UTF-32, with or without a byte order mark.

    Raises:
        ValueError: the file is not JSON, or not a regular file, such as a pipe that never ends; the message names it.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError(f"{path} is not a regular file; a file of JSON was expected")
    try:
        return json.loads(path.read_bytes())
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no text in UTF-8 ({error}); save it in that coding, or restore it") from error
    except RecursionError as error:
        raise ValueError(f"{path} is nested too deeply; restore it, or write it again") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is not valid JSON ({error}); restore it, or write it again") from error


SEAL = "content_sha256"
"""Key of the hash of all other content of a file of JSON; taken out, the file counts as one of an older version."""


def sealed(content: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the content with its hash, which `check_seal` compares when the file is read."""
    return {**content, SEAL: _content_digest(content)}


def check_seal(content: Mapping[str, Any], path: Path) -> None:
    """Checks that the content is what was written; files of older versions, and those without the key, have no hash.

    Raises:
        DataError: it is not: a bit flipped on the disk, or somebody changed the file.
    """
    if SEAL in content:
        whole = content[SEAL] == _content_digest(content)
    else:  # nor may the key itself be the damaged place
        whole = not any(len(key) == len(SEAL) and _differing(key, SEAL) < 3 for key in content)
    if not whole:
        raise DataError(
            f"{str(path)!r} is not what was written (its hash differs); restore it, make it again, or, if you changed "
            f"it yourself, take its key {SEAL!r} out"
        )


def _content_digest(content: Mapping[str, Any]) -> str:
    rest = {key: value for key, value in content.items() if key != SEAL}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def _differing(one: str, other: str) -> int:
    return sum(a != b for a, b in zip(one, other, strict=True))


def file_sha256(path: Path) -> str:
    """Computes the SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remembered_sha256(path: Path) -> str:
    """Returns the SHA-256 of a large file's content, computed once for its path, size and time of change.

    It is remembered in the user's cache; a small file is read each time.
    """
    status = path.stat()
    stamp = {"bytes": status.st_size, "mtime_ns": status.st_mtime_ns}
    if status.st_size < _WORTH_REMEMBERING:
        return file_sha256(path)
    try:
        note = user_cache_folder() / "hashes" / f"{content_hash(os.fsencode(path.resolve()))}.json"
        known = read_json(note) if note.is_file() else {}
        if stamp.items() <= known.items():
            return str(known["sha256"])
    except (OSError, ValueError, KeyError, AttributeError):  # a cache that cannot be used is none
        return file_sha256(path)
    digest = file_sha256(path)
    with contextlib.suppress(OSError, ValueError):
        note.parent.mkdir(parents=True, exist_ok=True)
        write_json(note, {**stamp, "sha256": digest})
    return digest


def read_bytes(path: Path) -> bytes:
    """Reads the content of a regular file that is not empty.

    Raises:
        DataError: the path is no such file, or cannot be read; the message says why.
    """
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
    """Computes 128 bits of the SHA-256 of some content, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()[:32]


def write_atomically(path: Path, content: bytes) -> None:
    """Writes `content` to `path`, durably; creates the folders above it.

    Raises:
        DataError: the folder cannot be written, or the disk is full.
    """
    try:
        with replace_atomically(path) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        raise DataError(f"cannot write {str(path)!r} ({error.strerror}); free space or choose another place") from error


def user_cache_folder() -> Path:
    """Returns the folder for what can be computed again: SEGLET_CACHE, or the user's cache folder.

    A user without a home that can be written, as in containers, gets a folder of temporary files.

    Raises:
        DataError: there is no such folder either, or it belongs to somebody else.
    """
    if chosen := os.environ.get("SEGLET_CACHE"):
        return expand_home(chosen)
    try:
        cache = expand_home(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "seglet"
    except DataError:
        return _temporary_cache()
    return cache if can_be_made(cache) else _temporary_cache()


def can_be_made(folder: Path) -> bool:
    """True if the folder, or the nearest one above it that exists, can be written."""
    there = next((path for path in (folder, *folder.parents) if path.exists()), folder)
    return os.access(there, os.W_OK)


def _temporary_cache() -> Path:
    """Returns a folder of temporary files that only this user can write, as its content is trusted."""
    user = os.getuid() if hasattr(os, "getuid") else 0
    folder = Path(tempfile.gettempdir()) / f"seglet-{user}"
    with contextlib.suppress(OSError):
        folder.mkdir(mode=0o700)
    try:
        status = folder.lstat()
        own = stat.S_ISDIR(status.st_mode) and (os.name == "nt" or status.st_uid == user)
    except OSError:
        own = False
    if own and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return folder
    raise DataError(
        f"there is no home folder to keep results in, and {str(folder)!r} cannot be used; "
        "set SEGLET_CACHE to a folder of yours"
    )
