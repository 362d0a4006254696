"""Manifests: the small file that lists the shards of a large data set, and how its masks are read.

DIR/seglet-manifest.json        settings, classes and the list of shards
DIR/NAME.tar, DIR/NAME.parquet  a shard: images, and a row for each of them

The manifest is written last, and names its shards with the hashes of their rows. So a set of shards is either complete,
or has no manifest; two writers never mix.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from seglet.data.description import Description, description_from_json
from seglet.data.errors import DataError
from seglet.data.files import user_cache_folder_for
from seglet.files import check_seal, content_hash, is_utf8, json_text, sealed, write_atomically
from seglet.stores import LocalPlace, Place, is_url, open_place

MANIFEST_FILE = "seglet-manifest.json"
MANIFEST_VERSION = 1
_CURE = "write it again with `seglet data check DIR`, or with `seglet data shard`"


@dataclass(frozen=True)
class ShardCounts:
    """Counts of the images of a shard: with masks, with tags, by class in masks, and by class in tags."""

    labelled: int = 0
    tagged: int = 0
    containing: tuple[int, ...] = ()
    tagging: tuple[int, ...] = ()


@dataclass(frozen=True)
class Shard:
    """Some images of one split: a Parquet file of rows with its hash, and the tar that holds them.

    `tar` is empty where the images are files of their own below the folder; `size` is the bytes of the tar.
    """

    split: str
    images: int
    rows: str
    rows_sha256: str
    tar: str = ""
    size: int = 0
    counts: ShardCounts = ShardCounts()


@dataclass(frozen=True)
class Manifest:
    """A data set in shards. `reading` says how images and masks are read; its splits are empty.

    `place` holds the shards, and `home` the Parquet files, which are elsewhere if the place cannot be written.
    """

    place: Place
    home: Place
    reading: Description
    shards: tuple[Shard, ...]

    @cached_property
    def splits(self) -> Mapping[str, int]:
        """Number of images of each split, in the order of the shards."""
        sizes: dict[str, int] = {}
        for shard in self.shards:
            sizes[shard.split] = sizes.get(shard.split, 0) + shard.images
        return sizes

    def of_split(self, split: str) -> tuple[Shard, ...]:
        """Returns the shards of a split.

        Raises:
            DataError: there is no such split; lists those there are.
        """
        found = tuple(shard for shard in self.shards if shard.split == split and shard.images)
        if not found:
            there = ", ".join(f"{name} ({size})" for name, size in self.splits.items())
            raise DataError(f"{self.place.name!r} holds no split {split!r}, only {there}; name one of these")
        return found

    def fingerprint(self, split: str) -> str:
        """Returns a hash of the content of a split and of how its masks are read."""
        rows = "\n".join(shard.rows_sha256 for shard in self.of_split(split))
        return content_hash(f"{self.reading.fingerprint(())} {rows}".encode())

    def as_json(self) -> dict[str, Any]:
        """Returns the manifest as plain JSON."""
        reading = self.reading.as_json(self.reading.root.resolve())
        return {
            "manifest": MANIFEST_VERSION,
            "reading": {**reading, "root": "."},
            "images": sum(self.splits.values()),
            "shards": [asdict(shard) for shard in self.shards],
        }


def save_manifest(manifest: Manifest, home: Path) -> Path:
    """Publishes the manifest of shards whose files are all written, and returns its file.

    Raises:
        DataError: another program's file of this name is there, a name is no UTF-8, or it cannot be written.
    """
    file = home / MANIFEST_FILE
    text = json_text(sealed(manifest.as_json()), indent=1)
    if not is_utf8(text):
        raise DataError(f"names of shards in {str(home)!r} are no UTF-8; rename them")
    write_atomically(file, text.encode())
    return file


def find_manifest(data: str | Path) -> tuple[Place, Place] | None:
    """Returns the place of the shards and that of their manifest, or None if the folder or URL has no manifest.

    `data` may also be the path of the manifest itself.
    """
    name = str(data)
    if name.endswith(f"/{MANIFEST_FILE}"):
        data = name.removesuffix(f"/{MANIFEST_FILE}")
    if is_url(str(data)):
        place = open_place(str(data))
        return (place, place) if place.exists(MANIFEST_FILE) else None
    folder = Path(data)
    if (folder / MANIFEST_FILE).is_file():
        return LocalPlace(folder), LocalPlace(folder)
    if not folder.is_dir():
        return None
    try:
        home = user_cache_folder_for(folder)
    except DataError:
        return None
    return (LocalPlace(folder), LocalPlace(home)) if (home / MANIFEST_FILE).is_file() else None


def load_manifest(place: Place, home: Place) -> Manifest:
    """Reads the manifest in `home` of the shards in `place`; no Parquet file is read.

    Raises:
        DataError: it cannot be read, is damaged, or of another version.
    """
    shown = home.shown(MANIFEST_FILE)
    try:
        content = json.loads(home.read(MANIFEST_FILE))
        version = content["manifest"]
    except _FORM_ERRORS as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{shown!r} is no manifest of shards ({error}); {_CURE}") from error
    if version != MANIFEST_VERSION:
        raise DataError(f"{shown!r} has version {version!r}, this seglet reads {MANIFEST_VERSION}; {_CURE}")
    check_seal(content, Path(shown))
    try:
        folder = place.folder if isinstance(place, LocalPlace) else Path()
        reading = description_from_json(content["reading"], folder)
        return Manifest(place, home, reading, tuple(shard_from_json(row) for row in content["shards"]))
    except _FORM_ERRORS as error:
        raise DataError(f"{shown!r} is no manifest of shards ({error}); {_CURE}") from error


_FORM_ERRORS = (ValueError, TypeError, KeyError, AttributeError)


def shard_from_json(row: dict[str, Any]) -> Shard:
    """Returns a shard from the fields that a manifest lists."""
    counts = row["counts"]
    containing, tagging = (tuple(map(int, counts[name])) for name in ("containing", "tagging"))
    found = ShardCounts(int(counts["labelled"]), int(counts["tagged"]), containing, tagging)
    return Shard(**{**row, "counts": found})
