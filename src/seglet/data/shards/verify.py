"""Verifies shards against their manifest: every image and mask is read and hashed, several shards at a time."""

import hashlib
import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from seglet.data.errors import DataError, Problem
from seglet.data.files import is_writable, user_cache_folder_for
from seglet.data.shards.index import IndexReport, ShardProgress
from seglet.data.shards.manifest import Manifest, Shard
from seglet.data.shards.rows import StoredPart
from seglet.data.shards.sharded_dataset import load_rows, read_part
from seglet.files import content_hash, user_cache_folder, write_atomically
from seglet.stores import LocalPlace

_MOST_PROBLEMS = 20
"""Problems of one shard that are listed."""


def check_manifest(manifest: Manifest, progress: ShardProgress | None = None) -> IndexReport:
    """Compares every image and mask with the hash in the manifest, and returns what differs.

    Shards found whole by an earlier call, interrupted or not, are not read again unless they changed since.
    """
    notes = _Notes(manifest)
    problems: list[Problem] = []
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for done, found in enumerate(pool.map(notes.verified, manifest.shards), 1):
            problems += found
            if progress is not None:
                progress(done, len(manifest.shards))
    return IndexReport(manifest, tuple(problems))


class _Notes:
    """Remembers which shards were whole, by the hash of their rows and the state of their tar."""

    def __init__(self, manifest: Manifest) -> None:
        self.manifest = manifest
        self.folder = self._folder() / "whole"

    def _folder(self) -> Path:
        place = self.manifest.place
        if not isinstance(place, LocalPlace):
            return user_cache_folder() / "data" / content_hash(place.name.encode())
        return place.folder / ".seglet" if is_writable(place.folder) else user_cache_folder_for(place.folder)

    def verified(self, shard: Shard) -> list[Problem]:
        """Returns the problems of a shard; none if it was whole before."""
        state = self._state(shard)
        key = hashlib.sha256(json.dumps([shard.rows_sha256, shard.tar, state]).encode()).hexdigest()[:32]
        if state and (self.folder / key).is_file():
            return []
        problems = verify_shard(self.manifest, shard)
        if state and not problems:
            write_atomically(self.folder / key, shard.rows.encode())
        return problems

    def _state(self, shard: Shard) -> Sequence[int]:
        """Returns size and time of change of the tar on this machine; nothing, so it is read anew, for other shards."""
        if not shard.tar or not isinstance(self.manifest.place, LocalPlace):
            return ()
        try:
            status = (self.manifest.place.folder / shard.tar).stat()
        except OSError:
            return ()
        return status.st_size, status.st_mtime_ns


def verify_shard(manifest: Manifest, shard: Shard) -> list[Problem]:
    """Reads every image and mask of a shard and returns those that are not what its rows say."""
    problems: list[Problem] = []
    sizes: dict[str, int] = {}
    try:
        for row in load_rows(manifest, shard).rows():
            for part in (row.image, row.mask):
                if part is not None and not _is_whole(manifest, shard, part, sizes):
                    name = f"{shard.tar}/{part.name}" if shard.tar else part.name
                    problems.append(Problem(name, "is not what the manifest says", "copy the shard again"))
                    if len(problems) == _MOST_PROBLEMS:
                        return problems
    except DataError as error:
        what, _, cure = str(error).rpartition("; ")
        problems.append(Problem(shard.tar or shard.rows, what, cure))
    return problems


def _is_whole(manifest: Manifest, shard: Shard, part: StoredPart, sizes: dict[str, int]) -> bool:
    return content_hash(read_part(manifest.place, shard, part, sizes)) == part.hash
