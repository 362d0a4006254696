"""Tags in CSV: an image and its tags per row, or a column of 0 and 1 per class."""

import csv
import io
import re
from pathlib import Path

from seglet.data.errors import DataError, Problem
from seglet.data.tags.taglist import TagList, TagNames, unique_tags
from seglet.files import content_hash, read_bytes

_NAME_HEADINGS = frozenset(
    {"image", "images", "img", "picture", "photo", "file", "filename", "file_name", "path", "name", "id", "image_id"}
)
_TAG_HEADINGS = frozenset({"tag", "tags", "label", "labels", "class", "classes", "category", "categories", "name"})
_BITS = {"": False, "0": False, "0.0": False, "false": False, "1": True, "1.0": True, "true": True}
_SEPARATORS = re.compile(r"[;|,]")
_Row = list[str]


def read_tag_spreadsheet(path: Path) -> TagList:
    """Reads tags from rows separated by tabs, commas or semicolons, whichever the first row uses first.

    The tags of an image may be in several cells, in one cell separated by `;`, `|` or a quoted comma, or in several
    rows. If all cells but the first are 0 or 1, the headings of the columns are the tags.

    Raises:
        DataError: the file is not UTF-8 or not CSV, names no image, or has other numbers than 0 and 1 under headings.
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


def _rows(text: str, path: Path) -> list[_Row]:
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = "\t" if "\t" in first else (re.findall("[,;]", first) or [","])[0]
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise DataError(f"{str(path)!r} is no CSV ({error}); export it again") from error
    return [[cell.strip() for cell in row] for row in rows if any(cell.strip() for cell in row)]


def _has_columns(rows: list[_Row]) -> bool:
    """True if the first row is a heading of classes and all other cells are numbers."""
    heading, *body = rows or [[]]
    titled = len(heading) > 1 and not any(_is_number(cell) or cell.lower() in _TAG_HEADINGS for cell in heading[1:])
    cells = [cell for row in body for cell in row[1:]]
    return titled and any(cells) and all(_is_number(cell) for cell in cells)


def _is_number(cell: str) -> bool:
    return cell.lower() in _BITS or re.fullmatch(r"[-+]?\d*\.?\d+(e[-+]?\d+)?", cell.lower()) is not None


def _columns(rows: list[_Row], path: Path) -> tuple[dict[str, TagNames], tuple[Problem, ...]]:
    heading, *body = rows
    tags: dict[str, TagNames] = {}
    problems = []
    for row in body:
        wrong = [cell for cell in row[1:] if cell.lower() not in _BITS]
        if wrong or len(row) > len(heading):
            what = f"holds {wrong[0]!r}" if wrong else f"has {len(row)} cells under {len(heading)} headings"
            raise DataError(f"{str(path)!r}: the row of {row[0]!r} {what}; write 1 where the class is there, else 0")
        if row[0] in tags:
            problems.append(Problem(str(path), f"{row[0]!r} has more than one row", "keep one of them"))
        tags[row[0]] = unique_tags(
            name for name, cell in zip(heading[1:], row[1:], strict=False) if _BITS[cell.lower()]
        )
    return tags, tuple(problems)


def _lists(rows: list[_Row]) -> dict[str, TagNames]:
    titled = rows and (
        rows[0][0].lower() in _NAME_HEADINGS or any(cell.lower() in _TAG_HEADINGS - {"name"} for cell in rows[0][1:])
    )
    tags: dict[str, TagNames] = {}
    for image, *cells in rows[1:] if titled else rows:
        tags[image] = unique_tags([*tags.get(image, ()), *(tag for cell in cells for tag in _SEPARATORS.split(cell))])
    return tags
