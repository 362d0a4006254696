"""Blocks of remote objects on this machine: of bounded size, the blocks used longest ago leave first."""

import contextlib
import os
import re
from pathlib import Path

from seglet.files import DataError, content_hash, user_cache_folder, write_atomically

BLOCK = 4 * 2**20
"""Bytes of a block, which is read in one request."""
SIZE_VARIABLE = "SEGLET_CACHE_SIZE"
"""Environment variable with the size of the cache, such as 50GB."""
_DEFAULT_SIZE = 20 * 10**9
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_WRITES_BETWEEN = 32
"""Blocks that a process keeps before it measures the cache again."""
_LEFT = 0.9
"""Share of the size that is left when blocks leave."""


def cache_size() -> int:
    """Returns the bytes that the cache of remote data may take: those of SEGLET_CACHE_SIZE, or 20 GB.

    Raises:
        DataError: the variable is no number of bytes.
    """
    text = os.environ.get(SIZE_VARIABLE, "")
    if not text:
        return _DEFAULT_SIZE
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)B?", text.strip().upper())
    if found is None:
        raise DataError(f"{SIZE_VARIABLE} is {text!r}; give bytes such as 50GB, or 0 to keep nothing")
    return int(float(found[1]) * _UNITS[found[2]])


class BlockCache:
    """Blocks by key, in the user's cache; several processes may use it at once.

    A block is written whole and checked by its length; what is damaged otherwise is found by the hashes of the data.
    """

    def __init__(self) -> None:
        self._written = 0

    @property
    def folder(self) -> Path:
        """Folder of the blocks."""
        return user_cache_folder() / "blocks"

    def find(self, key: str, size: int) -> bytes | None:
        """Returns the block of `size` bytes if it is kept, and notes its use."""
        file = self._file(key)
        try:
            content = file.read_bytes()
            os.utime(file)
        except OSError:
            return None
        return content if len(content) == size else None

    def keep(self, key: str, content: bytes) -> None:
        """Keeps a block; a disk that is full or cannot be written keeps none, which only costs time."""
        if not 0 < len(content) <= cache_size():
            return
        with contextlib.suppress(DataError):
            write_atomically(self._file(key), content)
        self._written += 1
        if self._written % _WRITES_BETWEEN == 1:
            self.shrink()

    def shrink(self) -> None:
        """Deletes the blocks used longest ago until the cache has room again, if it is too large."""
        limit = cache_size()
        files = []
        for path in self.folder.glob("*/*"):
            with contextlib.suppress(OSError):
                status = path.stat()
                files.append((status.st_mtime_ns, status.st_size, path))
        total = sum(size for _, size, _ in files)
        if total <= limit:
            return
        for _, size, path in sorted(files):
            with contextlib.suppress(OSError):
                path.unlink()
                total -= size
            if total <= limit * _LEFT:
                return

    def _file(self, key: str) -> Path:
        name = content_hash(key.encode())
        return self.folder / name[:2] / name
