"""Reads and hashes every file of a data set, and decodes those whose content is new."""

import json
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seglet.data.checking.file_facts import FileFacts, facts_from_json, image_facts, mask_facts
from seglet.data.errors import DataError
from seglet.files import SEAL, check_seal, content_hash, read_bytes, sealed, write_atomically

ProgressCallback = Callable[[int, int], None]
"""Takes the number of finished files and the number of all files."""
_VERSION = 3
_EXAMINERS = {"image": image_facts, "mask": mask_facts}


@dataclass(frozen=True)
class FileRequest:
    """A file to examine, in the role of an `image` or a `mask`."""

    path: Path
    role: str


def scan_files(
    requests: Iterable[FileRequest], memory: Path, max_pixels: int, progress: ProgressCallback | None = None
) -> dict[FileRequest, FileFacts]:
    """Returns the facts about each file; those of earlier scans are read from the file `memory` and written back to it.

    A file with unchanged size and modification time is not read again; any other is read and hashed, and decoded only
    if its content is new. A memory that cannot be read is started anew; one that cannot be written is not kept.
    """
    wanted = list(dict.fromkeys(requests))
    recall = _Memory(memory, max_pixels)
    found: dict[FileRequest, FileFacts] = {}
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for request, facts in zip(wanted, pool.map(recall.facts, wanted), strict=True):
            found[request] = facts
            if progress is not None:
                progress(len(found), len(wanted))
    recall.save(found)
    return found


class _Memory:
    """Hashes by path and modification time, facts by content."""

    def __init__(self, file: Path, max_pixels: int) -> None:
        self.file = file
        self.max_pixels = max_pixels
        stored = _load(file)
        self.stamps: dict[str, list[Any]] = stored["stamps"]
        self.known: dict[str, Any] = stored["facts"]

    def facts(self, request: FileRequest) -> FileFacts:
        hashed = self._remembered_hash(request.path)
        content = b""
        if hashed is None:
            try:
                content = read_bytes(request.path)
            except DataError as error:
                return FileFacts("", error=str(error))
            hashed = content_hash(content)
        row = self.known.get(self._key(request, hashed))
        if row is not None:
            return facts_from_json(hashed, row)
        return _EXAMINERS[request.role](content or read_bytes(request.path), hashed, request.path, self.max_pixels)

    def save(self, found: dict[FileRequest, FileFacts]) -> None:
        good = {request: facts for request, facts in found.items() if not facts.error}
        stamps = {str(request.path): [*_stamp(request.path), facts.hash] for request, facts in good.items()}
        known = {self._key(request, facts.hash): facts.as_json() for request, facts in good.items()}
        if stamps == self.stamps and known == self.known:
            return
        content = {"version": _VERSION, "stamps": stamps, "facts": known}
        try:
            write_atomically(self.file, json.dumps(sealed(content), separators=(",", ":")).encode())
        except DataError:
            return  # without a memory the next check is slower and gives the same

    def _key(self, request: FileRequest, hashed: str) -> str:
        return f"{request.role}:{self.max_pixels}:{hashed}"

    def _remembered_hash(self, path: Path) -> str | None:
        *stamp, hashed = self.stamps.get(str(path), [0, 0, ""])
        return str(hashed) if hashed and stamp == _stamp(path) else None


def _stamp(path: Path) -> list[int]:
    try:
        status = path.stat()
    except OSError:
        return [-1, -1]
    return [status.st_size, status.st_mtime_ns]


def _load(file: Path) -> dict[str, Any]:
    empty: dict[str, Any] = {"stamps": {}, "facts": {}}
    try:
        stored = json.loads(file.read_bytes())
        check_seal(stored, file)
        usable = stored["version"] == _VERSION and SEAL in stored
        return stored if usable else empty
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return empty
