"""Rows of a manifest: facts about one image each, kept in Parquet files."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from seglet.data.errors import DataError

ROWS_VERSION = 1
_VERSION_KEY = b"seglet_rows"
_MISSING = "manifests in shards are Parquet files, for which pyarrow is needed: pip install 'seglet[shards]'"


@dataclass(frozen=True)
class StoredPart:
    """Bytes of a file: where they begin in a tar, or -1 for a file of its own, how many there are, and their hash.

    `name` is that of the member of the tar, or the path below the data set's folder.
    """

    name: str
    offset: int
    size: int
    hash: str


@dataclass(frozen=True)
class ImageRow:
    """One image of a manifest.

    `tags` are train ids, or None without tags. `labels` are the train ids of the classes in the mask and `void` the
    share of its pixels without annotation, in [0, 1]; None and 0 without a mask. `size` is (h, w), or (0, 0) where it
    is not known.
    """

    id: str
    image: StoredPart
    mask: StoredPart | None = None
    tags: tuple[int, ...] | None = None
    caption: str = ""
    size: tuple[int, int] = (0, 0)
    labels: tuple[int, ...] | None = None
    void: float = 0.0


def load_pyarrow() -> Any:
    """Imports pyarrow with its reader of Parquet.

    Raises:
        DataError: it is not installed; the message has the command.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise DataError(_MISSING) from error
    return pyarrow


def _schema(arrow: Any) -> Any:
    part = [("name", arrow.string()), ("offset", arrow.int64()), ("size", arrow.int64()), ("hash", arrow.binary(16))]
    fields = [
        ("id", arrow.string()),
        *((f"image_{name}", kind) for name, kind in part),
        *((f"mask_{name}", kind) for name, kind in part),
        ("tags", arrow.list_(arrow.int16())),
        ("caption", arrow.string()),
        ("height", arrow.int32()),
        ("width", arrow.int32()),
        ("labels", arrow.list_(arrow.int16())),
        ("void", arrow.float32()),
    ]
    return arrow.schema(fields, metadata={_VERSION_KEY: str(ROWS_VERSION).encode()})


def encode_rows(rows: Sequence[ImageRow]) -> bytes:
    """Returns the content of a Parquet file with these rows; equal rows give equal bytes."""
    arrow = load_pyarrow()
    schema = _schema(arrow)
    lines = [_line(row) for row in rows]
    table = arrow.Table.from_pylist(lines, schema=schema)
    stream = io.BytesIO()
    arrow.parquet.write_table(table, stream, compression="zstd")
    return stream.getvalue()


def _line(row: ImageRow) -> dict[str, Any]:
    line: dict[str, Any] = {"id": row.id, "tags": row.tags, "caption": row.caption or None, "labels": row.labels}
    line |= {"height": row.size[0], "width": row.size[1], "void": row.void}
    for role, part in (("image", row.image), ("mask", row.mask)):
        if part is not None:
            line |= {f"{role}_name": part.name, f"{role}_offset": part.offset, f"{role}_size": part.size}
            line[f"{role}_hash"] = bytes.fromhex(part.hash)
    return line


class RowTable:
    """The rows of one Parquet file, kept compactly in memory: some 150 bytes a row.

    Raises:
        DataError: the content is no such file, or of another version; `shown` names it.
    """

    def __init__(self, content: bytes, shown: str) -> None:
        arrow = load_pyarrow()
        try:
            self._table = arrow.parquet.read_table(arrow.BufferReader(content))
        except (arrow.ArrowException, OSError) as error:
            raise DataError(f"{shown!r} is no Parquet file, or damaged ({error}); copy it again") from error
        version = (self._table.schema.metadata or {}).get(_VERSION_KEY)
        expected = _schema(arrow)
        if version != str(ROWS_VERSION).encode() or not self._table.schema.equals(expected):
            found = "none of seglet's" if version is None else f"version {version.decode(errors='replace')}"
            raise DataError(
                f"{shown!r} has other columns than a manifest of this seglet (rows of version {ROWS_VERSION} were "
                f"expected, it has {found}); write the manifest again with `seglet data check` or `seglet data shard`"
            )

    def __len__(self) -> int:
        return int(self._table.num_rows)

    def id(self, place: int) -> str:
        """Returns the id of the image in a row."""
        return str(self._table.column("id")[place].as_py())

    def row(self, place: int) -> ImageRow:
        """Returns a row."""
        return _row(self._table.slice(place, 1).to_pylist()[0])

    def rows(self) -> Iterator[ImageRow]:
        """Yields all rows in order."""
        for batch in self._table.to_batches(max_chunksize=1024):
            yield from map(_row, batch.to_pylist())


def _row(line: dict[str, Any]) -> ImageRow:
    parts = []
    for role in ("image", "mask"):
        name, offset, size = (line[f"{role}_{field}"] for field in ("name", "offset", "size"))
        parts.append(None if name is None else StoredPart(name, offset, size, line[f"{role}_hash"].hex()))
    image, mask = parts
    assert image is not None
    tags, labels = (None if line[name] is None else tuple(line[name]) for name in ("tags", "labels"))
    return ImageRow(
        line["id"], image, mask, tags, line["caption"] or "", (line["height"], line["width"]), labels, line["void"]
    )
