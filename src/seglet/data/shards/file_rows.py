"""Manifests of images that stay files of their own, for folders whose dataset.json would be too large."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from seglet.data.description import Description, ImageItem
from seglet.data.errors import DataError
from seglet.data.shards.manifest import Manifest, Shard, ShardCounts, find_manifest, load_manifest, save_manifest
from seglet.data.shards.rows import ImageRow, StoredPart, encode_rows
from seglet.data.shards.sharded_dataset import load_rows
from seglet.files import write_atomically
from seglet.stores import LocalPlace

LARGE = 100_000
"""Images from which `seglet data check` writes a manifest in place of dataset.json."""
_ROWS = 10_000
"""Images of one Parquet file."""


def save_file_rows(description: Description, home: Path) -> Path:
    """Writes the description of a folder as a manifest in `home`, and returns its file.

    Raises:
        DataError: an image or mask is not below the folder, or `home` cannot be written.
    """
    place = LocalPlace(description.root)
    shards = []
    for split, items in description.splits.items():
        for begin in range(0, len(items), _ROWS):
            rows = [_row(item, description.root) for item in items[begin : begin + _ROWS]]
            content = encode_rows(rows)
            sha = hashlib.sha256(content).hexdigest()
            name = f"rows/{sha[:32]}.parquet"
            write_atomically(home / name, content)
            labelled, tagged = (sum(part is not None for part in parts) for parts in _annotated(rows))
            shards.append(Shard(split, len(rows), name, sha, counts=ShardCounts(labelled, tagged)))
    reading = replace(description, splits={}, tags=None)
    return save_manifest(Manifest(place, LocalPlace(home), reading, tuple(shards)), home)


def _annotated(rows: Sequence[ImageRow]) -> Iterator[list[object]]:
    yield [row.mask for row in rows]
    yield [row.tags for row in rows]


def _row(item: ImageItem, root: Path) -> ImageRow:
    mask = None if item.mask is None else _part(item.mask, item.mask_hash, root)
    return ImageRow(item.id, _part(item.image, item.image_hash, root), mask, item.tags)


def _part(path: Path, hashed: str, root: Path) -> StoredPart:
    if not path.is_relative_to(root):
        raise DataError(
            f"{str(path)!r} is not below {str(root)!r}, as a manifest needs; move it there, or let "
            "`seglet data check DIR` write dataset.json"
        )
    return StoredPart(path.relative_to(root).as_posix(), -1, 0, hashed)


def description_of(folder: Path) -> Description:
    """Returns the description that the manifest of a folder of files holds, all of it in memory.

    Raises:
        DataError: the images are in tars, which only training, checks and predictions read, or a file is damaged.
    """
    place = LocalPlace(folder)
    manifest = load_manifest(place, place)
    if tar := next((shard.tar for shard in manifest.shards if shard.tar), ""):
        raise DataError(
            f"the images of {str(folder)!r} are in tars, such as {tar!r}, which this command does not read; give it "
            "the folder that they were packed from"
        )
    root = manifest.reading.root
    splits: dict[str, list[ImageItem]] = {}
    for shard in manifest.shards:
        for row in load_rows(manifest, shard).rows():
            mask = None if row.mask is None else root / row.mask.name
            hashed = "" if row.mask is None else row.mask.hash
            item = ImageItem(row.id, root / row.image.name, mask, row.image.hash, hashed, row.tags)
            splits.setdefault(shard.split, []).append(item)
    return replace(manifest.reading, splits={name: tuple(items) for name, items in splits.items()})


def split_sizes(data: str | Path) -> Mapping[str, int] | None:
    """Returns the number of images of each split that the manifest of a folder or URL lists; None without one."""
    places = find_manifest(data)
    return None if places is None else load_manifest(*places).splits
