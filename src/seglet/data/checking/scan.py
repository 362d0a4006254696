"""Reads and hashes every file of a data set, and decodes those whose content is new."""

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seglet.actors import ActorPool
from seglet.data.checking.channel_facts import channel_facts
from seglet.data.checking.file_facts import FileFacts, facts_from_json, image_facts, mask_facts
from seglet.data.errors import DataError
from seglet.files import SEAL, check_seal, content_hash, read_bytes, sealed, write_atomically

ProgressCallback = Callable[[int, int], None]
"""Takes the number of finished files and the number of all files."""
_VERSION = 3
_SECONDS_BETWEEN_SAVES = 60.0
_ACTOR_BATCH = 64
"""Files that an actor takes at once; one takes milliseconds."""
_EXAMINERS = {"image": image_facts, "mask": mask_facts, "channels": channel_facts}


@dataclass(frozen=True)
class FileRequest:
    """A file to examine, in the role of an `image`, an image of `channels`, or a `mask`."""

    path: Path
    role: str


def scan_files(
    requests: Iterable[FileRequest],
    memory: Path,
    max_pixels: int,
    progress: ProgressCallback | None = None,
    pool: ActorPool | None = None,
) -> dict[FileRequest, FileFacts]:
    """Returns the facts about each file; those of earlier scans are read from the file `memory` and written back to it.

    A file with unchanged size and modification time is not read again; any other is read and hashed, and decoded only
    if its content is new. A memory that cannot be read is started anew; one that cannot be written is not kept. A scan
    that is interrupted leaves what it found until a minute before. With a pool, its actors read the files.
    """
    wanted = list(dict.fromkeys(requests))
    recall = _Memory(memory, max_pixels)
    found: dict[FileRequest, FileFacts] = {}
    saved = time.monotonic()
    for request, facts in _examined(wanted, recall, pool):
        found[request] = facts
        if progress is not None:
            progress(len(found), len(wanted))
        if time.monotonic() - saved > _SECONDS_BETWEEN_SAVES:
            recall.save(found, complete=False)
            saved = time.monotonic()
    recall.save(found)
    return {request: found[request] for request in wanted}


def _examined(
    wanted: Sequence[FileRequest], recall: "_Memory", pool: ActorPool | None
) -> Iterator[tuple[FileRequest, FileFacts]]:
    """Yields the facts of each file; those that are remembered come first where actors read the others."""
    if pool is None:
        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as threads:
            yield from zip(wanted, threads.map(recall.facts, wanted), strict=True)
        return
    remembered = {request: facts for request in wanted if (facts := recall.remembered(request)) is not None}
    yield from remembered.items()
    due = [request for request in wanted if request not in remembered]
    work = _FileExamination(recall.max_pixels)
    yield from zip(due, pool.map(work, due, _ACTOR_BATCH, _lost, _say_nothing), strict=True)


@dataclass(frozen=True)
class _FileExamination:
    """The work of an actor: reads, hashes and decodes files."""

    max_pixels: int

    def __call__(self) -> Callable[[FileRequest], FileFacts]:
        return self.facts

    def facts(self, request: FileRequest) -> FileFacts:
        try:
            content = read_bytes(request.path)
        except DataError as error:
            return FileFacts("", error=str(error))
        return _EXAMINERS[request.role](content, content_hash(content), request.path, self.max_pixels)


def _lost(request: FileRequest, reason: str) -> FileFacts:
    return FileFacts("", error=f"{str(request.path)!r} cannot be read: {reason}")


def _say_nothing(text: str) -> None:
    """Takes messages about actors, for which a check has no place."""


class _Memory:
    """Hashes by path and modification time, facts by content."""

    def __init__(self, file: Path, max_pixels: int) -> None:
        self.file = file
        self.max_pixels = max_pixels
        stored = _load(file)
        self.stamps: dict[str, list[Any]] = stored["stamps"]
        self.known: dict[str, Any] = stored["facts"]

    def remembered(self, request: FileRequest) -> FileFacts | None:
        """Returns the facts about a file that has not changed since."""
        hashed = self._remembered_hash(request.path)
        row = None if hashed is None else self.known.get(self._key(request, hashed))
        return None if hashed is None or row is None else facts_from_json(hashed, row)

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

    def save(self, found: dict[FileRequest, FileFacts], complete: bool = True) -> None:
        """Writes what was found, and unless that is `complete`, what was known before too."""
        good = {request: facts for request, facts in found.items() if not facts.error}
        stamps = {str(request.path): [*_stamp(request.path), facts.hash] for request, facts in good.items()}
        known = {self._key(request, facts.hash): facts.as_json() for request, facts in good.items()}
        if not complete:
            stamps, known = self.stamps | stamps, self.known | known
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
