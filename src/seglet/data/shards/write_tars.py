"""Packs a data set on disk into tars: original bytes, members of a sample one after the other, images in mixed order.

A shard is named by what goes into it. A call that was interrupted, or repeated after images were added, packs only the
shards that are missing.
"""

import hashlib
import json
import os
import re
import tarfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from seglet.data.columns.caption_files import CaptionFile
from seglet.data.description import Description, ImageItem
from seglet.data.errors import DataError
from seglet.data.shards.index import ShardProgress, write_class_file
from seglet.data.shards.manifest import MANIFEST_FILE, Manifest, Shard, save_manifest
from seglet.data.shards.row_facts import PartBytes, count_rows, examine
from seglet.data.shards.rows import ROWS_VERSION, ImageRow, RowTable, encode_rows, load_pyarrow
from seglet.files import content_hash, delete_partial, file_sha256, read_bytes, replace_atomically, write_atomically
from seglet.locks import lock_folder
from seglet.stores import LocalPlace

_KEY_LETTERS = re.compile(r"[^\w/+=@ -]+")
_BLOCK = 512


@dataclass(frozen=True)
class PackingOptions:
    """Bytes at which a shard is full, the seed of the order of images (None keeps the data set's), and captions."""

    size: int = 256 * 2**20
    seed: int | None = 0
    captions: CaptionFile | None = None


@dataclass(frozen=True)
class _Plan:
    """The images of one shard, and its name without ending."""

    split: str
    name: str
    items: tuple[ImageItem, ...]


def write_tars(
    description: Description, out: Path, options: PackingOptions, progress: ShardProgress | None = None
) -> Manifest:
    """Packs all splits of a checked data set into tars in `out`, and publishes their manifest last.

    Raises:
        DataError: an image changed since the check or cannot be used, two images would have one key, the captions
            do not name an image, or the folder holds shards of another data set.
        FolderInUseError: another process packs into the same folder.
    """
    load_pyarrow()
    with lock_folder(out):
        delete_partial(out)
        plans = [plan for split, items in description.splits.items() for plan in _plans(split, items, options)]
        _check_folder(out, plans)
        write_class_file(out, description)
        shards: list[Shard] = []
        with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
            for shard in pool.map(lambda plan: _packed(plan, description, out, options), plans):
                shards.append(shard)
                if progress is not None:
                    progress(len(shards), len(plans))
        place = LocalPlace(out)
        manifest = Manifest(place, place, replace(description, splits={}, tags=None), tuple(shards))
        save_manifest(manifest, out)
        return manifest


def _plans(split: str, items: Sequence[ImageItem], options: PackingOptions) -> Iterator[_Plan]:
    order = list(items)
    if options.seed is not None:
        order.sort(key=lambda item: hashlib.sha256(f"{options.seed}:{item.id}".encode()).digest())
    batch: list[ImageItem] = []
    filled, number = 0, 0
    for item in order:
        batch.append(item)
        filled += _packed_size(item)
        if filled >= options.size:
            yield _plan(split, number, batch, options)
            batch, filled, number = [], 0, number + 1
    if batch:
        yield _plan(split, number, batch, options)


def _packed_size(item: ImageItem) -> int:
    paths = [item.image] if item.mask is None else [item.image, item.mask]
    try:
        return sum(_BLOCK + path.stat().st_size for path in paths)
    except OSError as error:
        raise DataError(f"image {item.id!r} cannot be read ({error}); run `seglet data check` again") from error


def _plan(split: str, number: int, items: Sequence[ImageItem], options: PackingOptions) -> _Plan:
    lines = [[ROWS_VERSION, split]]
    for item in items:
        caption = "" if options.captions is None else _caption(options.captions, item)
        lines.append([item.id, item.image_hash, item.mask_hash, item.tags, caption])
    key = content_hash(json.dumps(lines).encode())[:8]
    return _Plan(split, f"{_KEY_LETTERS.sub('_', split).replace('/', '_')}-{number:05}-{key}", tuple(items))


def _caption(captions: CaptionFile, item: ImageItem) -> str:
    return " ".join(captions.of(item.id)[:1])


def _check_folder(out: Path, plans: Sequence[_Plan]) -> None:
    """Refuses a folder with tars of other data; a manifest of an earlier call is replaced at the end."""
    mine = {f"{plan.name}.tar" for plan in plans}
    others = [path.name for path in out.glob("*.tar") if path.name not in mine]
    if others and not (out / MANIFEST_FILE).is_file():
        raise DataError(
            f"{str(out)!r} holds {len(others)} tars that are not of this data set, such as {others[0]!r}; choose "
            "another --out, or delete them"
        )


def _packed(plan: _Plan, description: Description, out: Path, options: PackingOptions) -> Shard:
    """Returns the shard of a plan, packed now unless it is there already."""
    tar, table = out / f"{plan.name}.tar", out / f"{plan.name}.parquet"
    if not (tar.is_file() and table.is_file()):
        rows: list[ImageRow] = []
        with replace_atomically(tar) as temporary, temporary.open("wb") as stream:
            for item in plan.items:
                rows.append(_pack(item, description, stream, options))
            stream.write(bytes(2 * _BLOCK))
        write_atomically(table, encode_rows(rows))
    else:
        rows = list(RowTable(read_bytes(table), str(table)).rows())
    counts = count_rows(rows, len(description.classes))
    return Shard(plan.split, len(rows), table.name, file_sha256(table), tar.name, tar.stat().st_size, counts)


def _pack(item: ImageItem, description: Description, stream: IO[bytes], options: PackingOptions) -> ImageRow:
    """Writes the members of one image and returns its row."""
    key = _key(item.id)
    image = _member(stream, f"{key}{item.image.suffix.lower()}", _checked(item.image, item.image_hash))
    mask = None
    if item.mask is not None:
        mask = _member(stream, f"{key}.mask{item.mask.suffix.lower()}", _checked(item.mask, item.mask_hash))
    caption = "" if options.captions is None else _caption(options.captions, item)
    about: dict[str, object] = {"id": item.id}
    if item.tags is not None:
        about["tags"] = [description.classes.names[label] for label in item.tags]
    _member(stream, f"{key}.json", json.dumps(about, ensure_ascii=False).encode())
    if caption:
        _member(stream, f"{key}.txt", caption.encode())
    row, problems = examine(item.id, image, mask, (item.tags, caption), description)
    if errors := [problem for problem in problems if problem.severity == "error"]:
        raise DataError(f"{errors[0]}; check the data set again")
    return row


def _key(identifier: str) -> str:
    """Returns an id as a key, in which a dot would begin the ending."""
    key = _KEY_LETTERS.sub("_", identifier)
    return key if key == identifier else f"{key}-{content_hash(identifier.encode(errors='surrogateescape'))[:6]}"


def _checked(path: Path, expected: str) -> bytes:
    content = read_bytes(path)
    if expected and content_hash(content) != expected:
        raise DataError(f"{str(path)!r} changed since the data were checked; run `seglet data check` again")
    return content


def _member(stream: IO[bytes], name: str, content: bytes) -> PartBytes:
    """Appends a member without owner and time, so that equal samples give equal tars."""
    header = tarfile.TarInfo(name)
    header.size, header.mode = len(content), 0o644
    stream.write(header.tobuf(tarfile.PAX_FORMAT))
    offset = stream.tell()
    stream.write(content)
    stream.write(bytes(-len(content) % _BLOCK))
    return PartBytes(content, name, offset, name)
