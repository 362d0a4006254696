"""Locks of output folders: one process at a time writes into a folder, and a dead process holds nothing.

The lock is the operating system's on a file in the folder. It ends with its process, however that ends, so what lies
about is never in the way; the file's content says only who the owner is.
"""

import contextlib
import errno
import json
import os
import shlex
import socket
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

LOCK_FILE = ".seglet-lock"
"""Name of the file in a folder that is being written; it is gone afterwards."""

_BUSY = (errno.EACCES, errno.EAGAIN)
_IMPOSSIBLE = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL)


class FolderInUseError(ValueError):
    """Another process is writing into the folder."""


@contextlib.contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Holds the lock of a folder, which is made if need be, and removed again if nothing was put into it.

    Where the file system has no locks, as on some network drives, a warning says so. On Windows there are none.

    Raises:
        FolderInUseError: another process holds it; the message names its number, machine and command.
        OSError: the folder cannot be written.
    """
    if folder.exists() and not folder.is_dir():  # whoever is about to write says so
        yield
        return
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        handle = _acquire(folder / LOCK_FILE)
        try:
            yield
        finally:
            with contextlib.suppress(OSError):  # before it is let go: nobody else can have it then
                (folder / LOCK_FILE).unlink()
            os.close(handle)
    finally:
        for path in made:
            with contextlib.suppress(OSError):
                path.rmdir()


def holds_files(folder: Path) -> bool:
    """Checks whether anything but a lock is in a folder."""
    return any(path.name != LOCK_FILE for path in folder.iterdir())


def _acquire(file: Path) -> int:
    """Returns the open file, locked; one that its last owner removed meanwhile is not the lock."""
    while True:
        handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            _lock(handle, file)
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(handle), file.stat()):  # to open it again would end the lock
                    _write_owner(handle)
                    return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def _lock(handle: int, file: Path) -> None:
    try:
        import fcntl
    except ImportError:  # Windows
        return
    try:
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _BUSY:
            raise FolderInUseError(
                f"{str(file.parent)!r} is in use by {_owner(handle)}; wait for it or stop it, or choose another --out"
            ) from None
        if error.errno not in _IMPOSSIBLE:
            raise
        warnings.warn(f"{file.parent} cannot be locked ({error.strerror}); let no two processes write it", stacklevel=3)


def _write_owner(handle: int) -> None:
    command = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
    began = time.strftime("%Y-%m-%d %H:%M:%S")
    owner = {"process": os.getpid(), "machine": socket.gethostname(), "began": began, "command": command}
    os.ftruncate(handle, 0)
    os.lseek(handle, 0, os.SEEK_SET)
    os.write(handle, json.dumps(owner).encode())


def _owner(handle: int) -> str:
    try:
        owner = json.loads(os.read(handle, 65536))
        return f"process {owner['process']} on {owner['machine']} since {owner['began']} ({owner['command']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
