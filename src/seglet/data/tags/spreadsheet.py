"""Tags in CSV: an image and its tags per row, or a column of yes and no per class."""

import csv
import io
import re
from collections.abc import Collection, Sequence
from pathlib import Path

from seglet.data.errors import DataError, Problem
from seglet.data.spelling import fold_spelling
from seglet.data.tags.sheet_columns import (
    BITS,
    Row,
    SheetColumns,
    columns_below,
    columns_without_heading,
    split_heading,
)
from seglet.data.tags.taglist import TagList, TagNames, unique_tags
from seglet.files import content_hash, read_bytes

_SEPARATORS = ";|,"
"""Signs between the tags of one cell; the first that occurs is tried first."""
_NO_TAG = frozenset({"nan", "none", "null", "na", "n/a", "<na>", "-"})
"""Words, in lower case, of programs and people for a cell without tags."""


def read_tag_spreadsheet(path: Path, known: Collection[str] = ()) -> TagList:
    """Reads tags from rows separated by tabs, commas or semicolons, whichever the first row uses first.

    The tags of an image may be in several cells, in one cell separated by `;`, `|` or a quoted comma, or in several
    rows. Below a heading only the column of tags counts; if there is none and all other cells are yes and no (1 and 0,
    x and blank), their headings are the tags. `known` are the names of the classes: a cell that is one, in any
    spelling, is not separated. Excel's line `sep=;` names the separator.

    Raises:
        DataError: the file is not UTF-8 or not CSV, names no image, or its columns cannot be told apart.
    """
    content = read_bytes(path)
    try:
        text = content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{str(path)!r} is not UTF-8 text; save it as `CSV UTF-8`") from error
    rows, delimiter = _rows(text, path)
    try:
        heading, body = split_heading(rows)
        columns = columns_without_heading(body) if heading is None else columns_below(heading, body)
    except DataError as error:
        raise DataError(f"{str(path)!r}: {error}") from error
    names = {fold_spelling(name) for name in known}
    found = _marked(body, columns, path) if columns.classes else (_listed(body, columns, delimiter, names), ())
    if not found[0]:
        raise DataError(f"{str(path)!r} names no image; write a row `image,tag;tag` for each")
    return TagList(path, "csv", found[0], content_hash(content), found[1])


def _rows(text: str, path: Path) -> tuple[list[Row], str]:
    """Returns the rows that are not empty, and the sign between their cells."""
    lines = [line for line in text.splitlines() if line.strip()]
    said = re.fullmatch(r'"?sep=(.|\\t)"?', lines[0].strip(), re.IGNORECASE) if lines else None
    if said is not None:
        text = text.split(lines[0], 1)[1]
        delimiter = said[1].replace("\\t", "\t")
    else:
        first = re.sub('"[^"]*"', "", lines[0]) if lines else ""
        delimiter = "\t" if "\t" in first else (re.findall("[,;]", first) or [","])[0]
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise DataError(f"{str(path)!r} is no CSV ({error}); export it again") from error
    return [[cell.strip() for cell in row] for row in rows if any(cell.strip() for cell in row)], delimiter


def _marked(body: Sequence[Row], columns: SheetColumns, path: Path) -> tuple[dict[str, TagNames], tuple[Problem, ...]]:
    """Returns the headings under which the cells of each image say yes."""
    tags: dict[str, TagNames] = {}
    problems = []
    for row in body:
        image = row[columns.image] if columns.image < len(row) else ""
        if image in tags:
            problems.append(Problem(str(path), f"{image!r} has more than one row", "keep one of them"))
        marked = (name for place, name in columns.classes.items() if place < len(row) and BITS[row[place].lower()])
        tags[image] = unique_tags(marked)
    return tags, tuple(problems)


def _listed(body: Sequence[Row], columns: SheetColumns, delimiter: str, known: Collection[str]) -> dict[str, TagNames]:
    """Returns the tags in the cells of each image; cells beyond the last heading belong to a last column of tags."""
    joint = ";" if delimiter == "\t" else delimiter
    tags: dict[str, TagNames] = {}
    for row in body:
        image = row[columns.image] if columns.image < len(row) else ""
        cells = [row[place] for place in columns.tags if place < len(row)]
        beyond = [cell for cell in row[columns.width :] if cell] if columns.width else []
        if beyond and cells and max(columns.tags) == columns.width - 1:
            cells[-1] = joint.join((cells[-1], *beyond))
        elif not columns.width:
            cells = [joint.join(cells)]
        written = [tag for cell in cells for tag in tags_in_cell(cell, known)]
        tags[image] = unique_tags([*tags.get(image, ()), *written])
    return tags


def tags_in_cell(cell: str, known: Collection[str] = ()) -> list[str]:
    """Returns the tags in a cell, without words such as nan; the longest parts that are `known` stay whole.

    `known` are names in the spelling of `fold_spelling`. Brackets and quotes, as Python writes lists, are dropped.
    """
    plain = cell.strip()
    if fold_spelling(plain) in known:
        return [plain]
    if plain[:1] + plain[-1:] in ("[]", "()", "{}"):
        plain = plain[1:-1]
    sign = next((sign for sign in _SEPARATORS if sign in plain), None)
    if sign is None:
        tag = plain.strip().strip("'\"").strip()
        return [] if not tag or (tag.lower() in _NO_TAG and fold_spelling(tag) not in known) else [tag]
    parts = plain.split(sign)
    found: list[str] = []
    while parts:
        ends = range(len(parts), 1, -1)
        end = next((end for end in ends if fold_spelling(sign.join(parts[:end])) in known), 1)
        found += tags_in_cell(sign.join(parts[:end]), known)
        parts = parts[end:]
    return found
