"""Reads points, lines, boxes and polygons from a plain CSV: a shape on each row, in pixels.

Axes: n corners x, y.
"""

import csv
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import numpy as np
from jaxtyping import Float

from seglet.data.errors import DataError
from seglet.data.label_tools.collecting import RegionCollector, box_corners
from seglet.data.label_tools.exchange import AnnotationEntry, Size, ToolAnnotations, settled_size
from seglet.data.label_tools.recognise import text_begin
from seglet.data.label_tools.regions import AnnotatedImage, names_without_void
from seglet.data.layouts.fields import finite_number, image_path_below
from seglet.files import read_bytes

_IMAGE = ("image", "filename", "file")
_LABEL = ("label", "class")
_POINT = ("x", "y")
_BOX = ("xmin", "ymin", "xmax", "ymax")
_CORNERS = "points"
_SHAPES = ("point", "line", "box", "polygon")


@dataclass(frozen=True)
class _Row:
    number: int
    label: str
    shape: str
    corners: str


def is_shape_table(content: bytes) -> bool:
    """Returns True if a text begins with the names of columns of shapes."""
    return bool(_form(_header(text_begin(content))[0]))


def read_shape_csv(file: Path) -> ToolAnnotations:
    """Reads a table of shapes; later polygons lie over earlier ones.

    Raises:
        DataError: it is not UTF-8, or has no row.
    """
    try:
        text = read_bytes(file).decode("utf-8-sig")
        names, mark = _header(text)
        rows = list(csv.DictReader(StringIO(text.partition("\n")[2]), names, delimiter=mark))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{str(file)!r} cannot be read as CSV in UTF-8: {error}") from error
    if not rows:
        raise DataError(f"{str(file)!r} has no row below its columns")
    form = _form(names)
    images: dict[str, list[_Row]] = defaultdict(list)
    for number, row in enumerate(rows, start=2):
        images[_cell(row, _IMAGE)].append(_row(number, row, form))
    labels = sorted({row.label for found in images.values() for row in found if row.label})
    entries = tuple(_entry(written, found) for written, found in images.items())
    return ToolAnnotations(file, names_without_void(labels), entries, _decode)


def _header(text: str) -> tuple[list[str], str]:
    """Returns the names of the columns in lower case, and the mark between them."""
    first = text.lstrip("\ufeff").partition("\n")[0]
    mark = max(",;\t", key=first.count)
    return [name.strip().strip('"').lower() for name in first.split(mark)], mark


def _form(names: list[str]) -> tuple[str, ...]:
    """Returns the columns that hold the corners; empty if this is no table of shapes."""
    if not (set(names) & set(_IMAGE) and set(names) & set(_LABEL)):
        return ()
    return next((form for form in (_BOX, _POINT, (_CORNERS,)) if set(form) <= set(names)), ())


def _cell(row: Mapping[str | None, str | None], names: tuple[str, ...]) -> str:
    return next((str(row[name] or "").strip() for name in names if name in row), "")


def _row(number: int, row: Mapping[str | None, str | None], form: tuple[str, ...]) -> _Row:
    usual = "box" if form == _BOX else "point" if form == _POINT else "polygon"
    shape = _cell(row, ("shape",)).lower() or usual
    return _Row(number, _cell(row, _LABEL), shape, " ".join(_cell(row, (name,)) for name in form))


def _entry(written: str, rows: list[_Row]) -> AnnotationEntry:
    try:
        return AnnotationEntry(image_path_below(written), rows)
    except DataError as error:
        return AnnotationEntry(written or f"row {rows[0].number}", rows, problem=str(error))


def _decode(entry: AnnotationEntry, size: Size | None) -> AnnotatedImage:
    found = RegionCollector(settled_size(None, size))
    for row in entry.content:
        _add(row, found)
    return found.image(entry.file)


def _add(row: _Row, found: RegionCollector) -> None:
    if row.shape not in _SHAPES:
        raise DataError(f"row {row.number} is a {row.shape!r}; expected one of {', '.join(_SHAPES)}")
    if not row.label:
        raise DataError(f"row {row.number} has no label")
    corners = _corners(row)
    if row.shape == "polygon":
        found.add_polygon("polygon", row.label, corners)
    elif row.shape == "box":
        found.add_sparse("box", "box", row.label, corners)
    else:
        found.add_sparse(row.shape, "line" if row.shape == "line" else "points", row.label, corners)


def _corners(row: _Row) -> Float[np.ndarray, "n 2"]:
    numbers = [
        finite_number(word, f"a corner in row {row.number}") for word in re.split(r"[\s,;]+", row.corners.strip())
    ]
    if len(numbers) % 2 or (row.shape == "box" and len(numbers) != 4):
        raise DataError(f"row {row.number} has {len(numbers)} numbers for a {row.shape}; expected x y x y …")
    return box_corners(*numbers) if row.shape == "box" else np.array(numbers, np.float64).reshape(-1, 2)
