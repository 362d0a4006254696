"""Captions read from a table or JSON file with the names of the images."""

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from seglet.data.errors import DataError
from seglet.data.names import NamedFiles, written_name
from seglet.files import content_hash, read_bytes

CAPTION_FILE_SUFFIXES = (".csv", ".tsv", ".json", ".jsonl")
_NAME_KEYS = ("id", "image", "picture", "file", "file_name", "filename", "path", "name", "image_id")
_TEXT_KEYS = ("captions", "caption", "texts", "text", "sentence", "sentences")
_EXPECTED = (
    'rows `id,caption` in CSV (more captions in more columns or rows), {"a": "a cat", "b": ["a dog", "grass"]} or '
    '[{"id": "a", "captions": ["a cat"]}] in JSON, or such an object a line in JSONL'
)


@dataclass(frozen=True)
class CaptionFile:
    """Captions by the name of the image as the file writes it; `digest` is the hash of the file."""

    path: Path
    captions: Mapping[str, tuple[str, ...]]
    digest: str

    def of(self, image: str, missing: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """Returns the captions of an image, found by its id, or by an end of its path that names no other.

        An image that the file does not name has the captions `missing`, if some are given.

        Raises:
            DataError: the file does not name the image, or the name could be of several.
        """
        found = self.captions.get(image)
        if found is None and (key := self._named.of(image)) is not None:
            found = self.captions[self._keys[key]]
        if found is None:
            found = missing
        if found is None:
            raise DataError(
                f"no caption of {image!r} in {str(self.path)!r}; add a line for it (an empty one will do), or set "
                "captions_missing: neutral"
            )
        return found

    @cached_property
    def _keys(self) -> Mapping[Path, str]:
        return {Path(name.replace("\\", "/")): name for name in self.captions}

    @cached_property
    def _named(self) -> NamedFiles:
        return NamedFiles(((written_name(name), key) for key, name in self._keys.items()), "caption")


def read_captions(path: Path) -> CaptionFile:
    """Reads captions from CSV, TSV, JSON or JSONL; several captions of one image keep their order.

    Raises:
        DataError: the file cannot be read, has another form, or names no image.
    """
    if path.suffix.lower() not in CAPTION_FILE_SUFFIXES:
        raise DataError(
            f"captions are read from {', '.join(CAPTION_FILE_SUFFIXES)}, not {path.name!r}; write {_EXPECTED}"
        )
    content = read_bytes(path)
    try:
        text = content.decode("utf-8-sig")
        pairs = list(_rows(text, path) if path.suffix.lower() in (".csv", ".tsv") else _objects(text, path))
    except (UnicodeDecodeError, csv.Error, json.JSONDecodeError, RecursionError) as error:
        raise DataError(f"{str(path)!r} cannot be read ({error}); write {_EXPECTED}") from error
    found: dict[str, tuple[str, ...]] = {}
    for name, texts in pairs:
        found[name] = (*found.get(name, ()), *texts)
    if not found:
        raise DataError(f"{str(path)!r} names no image; write {_EXPECTED}")
    return CaptionFile(path, found, content_hash(content))


def _rows(text: str, path: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True) if any(row)]
    if rows and rows[0][0].strip().lower() in _NAME_KEYS:
        rows = rows[1:]
    for row in rows:
        if len(row) < 2:
            raise DataError(f"{str(path)!r}: the row {row[0]!r} has one cell; write the image's id and its caption")
        yield row[0].strip(), tuple(cell.strip() for cell in row[1:])


def _objects(text: str, path: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    lines = path.suffix.lower() == ".jsonl"
    content: Any = [json.loads(line) for line in text.splitlines() if line.strip()] if lines else json.loads(text)
    if isinstance(content, dict):
        for name, value in content.items():
            yield str(name), _texts(value, str(name), path)
        return
    for number, item in enumerate(content if isinstance(content, list) else [content]):
        name = next((item[key] for key in _NAME_KEYS if key in item), None) if isinstance(item, dict) else None
        if not isinstance(name, str | int):
            raise DataError(
                f"entry {number} of {str(path)!r} names no image, and captions without names are not taken by their "
                f"order; write {_EXPECTED}"
            )
        value = next((item[key] for key in _TEXT_KEYS if key in item), None)
        yield str(name), _texts(value, str(name), path)


def _texts(value: Any, name: str, path: Path) -> tuple[str, ...]:
    if isinstance(value, dict):
        value = next((value[key] for key in _TEXT_KEYS if key in value), None)
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not texts or not all(isinstance(item, str) for item in texts):
        raise DataError(f"{str(path)!r}: expected a caption of {name!r}, or a list of some; write {_EXPECTED}")
    return tuple(item.strip() for item in texts)
