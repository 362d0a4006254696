"""Tags in CSV: an image and its tags in each row, or a column of 0 and 1 for each class."""

import csv
import io
import re
from pathlib import Path

from seglet.data.errors import DataError, Problem
from seglet.data.tags.taglist import Names, TagList, once
from seglet.files import content_hash, read_bytes

NAME_HEADINGS = frozenset(
    {"image", "images", "img", "picture", "photo", "file", "filename", "file_name", "path", "name", "id", "image_id"}
)
TAG_HEADINGS = frozenset({"tag", "tags", "label", "labels", "class", "classes", "category", "categories", "name"})
BITS = {"": False, "0": False, "0.0": False, "false": False, "1": True, "1.0": True, "true": True}
SEPARATORS = re.compile(r"[;|,]")
Row = list[str]


def read(path: Path) -> TagList:
    """The tags of each row. Rows are parted by tabs, commas or semicolons, whichever the first row uses first.

    Several tags of an image stand in several cells, or in one with `;`, `|` or a quoted comma between them, or in
    several rows. Where all cells but the first are 0 or 1, the columns' headings are the tags.

    Raises:
        DataError: it is not UTF-8 or not CSV, holds no image, or numbers other than 0 and 1 under headings.
    """
    content = read_bytes(path)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{str(path)!r} is not UTF-8 text; save it as `CSV UTF-8`") from error
    rows = _rows(text, path)
    found = _columns(rows, path) if _has_columns(rows) else (_lists(rows), ())
    if not found[0]:
        raise DataError(f"{str(path)!r} names no image; write a row `image,tag;tag` for each")
    return TagList(path, "csv", found[0], content_hash(content), found[1])


def _rows(text: str, path: Path) -> list[Row]:
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = "\t" if "\t" in first else (re.findall("[,;]", first) or [","])[0]
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise DataError(f"{str(path)!r} is no CSV ({error}); export it again") from error
    return [[cell.strip() for cell in row] for row in rows if any(cell.strip() for cell in row)]


def _has_columns(rows: list[Row]) -> bool:
    """Whether the first row is a heading, of classes, over nothing but numbers."""
    heading, *body = rows or [[]]
    titled = len(heading) > 1 and not any(_is_number(cell) or cell.lower() in TAG_HEADINGS for cell in heading[1:])
    cells = [cell for row in body for cell in row[1:]]
    return titled and any(cells) and all(_is_number(cell) for cell in cells)


def _is_number(cell: str) -> bool:
    return cell.lower() in BITS or re.fullmatch(r"[-+]?\d*\.?\d+(e[-+]?\d+)?", cell.lower()) is not None


def _columns(rows: list[Row], path: Path) -> tuple[dict[str, Names], tuple[Problem, ...]]:
    heading, *body = rows
    tags: dict[str, Names] = {}
    problems = []
    for row in body:
        wrong = [cell for cell in row[1:] if cell.lower() not in BITS]
        if wrong or len(row) > len(heading):
            what = f"holds {wrong[0]!r}" if wrong else f"has {len(row)} cells under {len(heading)} headings"
            raise DataError(f"{str(path)!r}: the row of {row[0]!r} {what}; write 1 where the class is there, else 0")
        if row[0] in tags:
            problems.append(Problem(str(path), f"{row[0]!r} has more than one row", "keep one of them"))
        tags[row[0]] = once(name for name, cell in zip(heading[1:], row[1:], strict=False) if BITS[cell.lower()])
    return tags, tuple(problems)


def _lists(rows: list[Row]) -> dict[str, Names]:
    titled = rows and (
        rows[0][0].lower() in NAME_HEADINGS or any(cell.lower() in TAG_HEADINGS - {"name"} for cell in rows[0][1:])
    )
    tags: dict[str, Names] = {}
    for image, *cells in rows[1:] if titled else rows:
        tags[image] = once([*tags.get(image, ()), *(tag for cell in cells for tag in SEPARATORS.split(cell))])
    return tags
