"""Class tables with a heading: the columns are found by their names and, under unknown names, by their content."""

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from seglet.data.class_files.class_rows import ClassRow
from seglet.data.class_files.line_grammars import Line, colour_of, fits_a_grammar
from seglet.data.errors import DataError
from seglet.types import Colour

_NAMES = ("name", "names", "classname", "labelname", "categoryname", "class", "label", "category", "classes", "labels",
          "title", "object", "objectname", "displayname")  # fmt: skip
_IDS = ("pixelvalue", "maskvalue", "grayvalue", "greyvalue", "value", "pixel", "gray", "grey", "id", "classid",
        "labelid", "categoryid", "classindex", "idx", "index", "number", "no", "nr", "code", "#")  # fmt: skip
_OTHER_IDS = ("trainid", "label", "class", "category")
_CHANNELS = (("red", "r"), ("green", "g"), ("blue", "b"))
_COLOURS = ("color", "colour", "rgb", "hex", "colorrgb", "colorhex", "rgbcolor", "hexcolor", "palette")
_VOID = ("void", "ignore", "ignored", "ignoreineval")
_IMAGES = ("image", "images", "filename", "file", "path", "imageid", "imagename", "imagepath", "img", "picture", "mask")
_NO_IDS = ("count", "counts", "pixels", "images", "instances", "frequency", "weight", "area", "percent", "ratio",
           "train", "val", "stuff", "alpha", "a", "catid", "hasinstances", "trainid")  # fmt: skip
_KNOWN = frozenset({*_NAMES, *_IDS, *_OTHER_IDS, *sum(_CHANNELS, ()), *_COLOURS, *_VOID})
_ALONE = frozenset({"name", "names", "class", "classes", "label", "labels", "classname", "labelname", "category"})
"""Headings of a single column; other words that begin a list of names are classes, such as void and red."""
_TRUE = frozenset({"1", "true", "yes", "y", "x"})


def heading_delimiter(lines: Sequence[Line], forced: str = "") -> str | None:
    """Returns the delimiter of the heading in the first line, a blank if it is none of `\\t;,|`, or None without one.

    A heading has no number. Its words are known, or some column below it holds only numbers or colours; between blanks
    all words have to be known, as names may hold blanks themselves.
    """
    first = lines[0][1] if lines else ""
    delimiter = forced or next((sign for sign in "\t;,|" if sign in first), " ")
    cells = _cells(first, delimiter)
    if any(re.fullmatch(r"-?\d+(\.\d+)?", cell) or (cell and colour_of(cell)) for cell in cells):
        return None
    words = [_word(cell) for cell in cells]
    if delimiter == " ":
        known = len(words) > 1 and all(word in _KNOWN for word in words) and fits_a_grammar(lines[1:])
        return " " if len(lines) > 1 and (known or (len(words) == 1 and words[0] in _ALONE)) else None
    body = [_cells(line, delimiter) for _, line in lines[1:]]
    if len(cells) < 2 or not body or any(len(row) < 2 for row in body):
        return None
    if any(word in (*_NAMES, *_IMAGES) for word in words) and any(len(row) == len(cells) for row in body):
        return delimiter
    even = all(len(row) == len(cells) for row in body)
    return delimiter if even and any(_is_numeric(column) for column in zip(*body, strict=True)) else None


def rows_below_heading(lines: Sequence[Line], delimiter: str) -> list[ClassRow]:
    """Returns the classes below a heading, whatever the order of the columns.

    Raises:
        DataError: a row has another number of cells, or the heading does not say which column is which.
    """
    heading, *body = [(number, _cells(line, delimiter)) for number, line in lines]
    table = [cells for _, cells in body]
    for number, cells in body:
        if len(cells) < len(heading[1]) or any(cells[len(heading[1]) :]):
            cure = "write a cell for each heading, and names with commas in quotes"
            raise DataError(f"line {number} has {len(cells)} cells under {len(heading[1])} headings; {cure}")
    columns = {place: [cells[place] for cells in table] for place in range(len(heading[1]))}
    roles = _roles([_word(cell) for cell in heading[1]], columns, heading[1])
    return [_row(cells, roles, number) for number, cells in body]


@dataclass(frozen=True)
class _Roles:
    """Places of the columns; None for those that are not there."""

    name: int
    id: int | None
    colour: tuple[int, ...]
    void: int | None


def _roles(words: Sequence[str], columns: dict[int, list[str]], heading: Sequence[str]) -> _Roles:
    whole = {place for place, cells in columns.items() if all(re.fullmatch(r"-?\d+", cell) for cell in cells)}
    texts = {place for place, cells in columns.items() if any(any(map(str.isalpha, cell)) for cell in cells)}
    if any(words[place] in _IMAGES for place in texts):
        cure = "if it holds tags, give it with `seglet data check DIR --tags FILE`; name the table with --classes"
        raise DataError(f"the heading {', '.join(heading)!r} names images, so this is no table of classes; {cure}")
    colour = _colour_columns(words, columns)
    void = next((place for place, word in enumerate(words) if word in _VOID), None)
    used = {*colour, *(() if void is None else (void,))}
    number = _id_column(words, columns, whole - used)
    free = sorted(place for place in whole - used - {number} if words[place] not in (*_NO_IDS, *_KNOWN))
    if not colour and len(free) in (3, 4) and free[-1] - free[-3] == 2:
        colour, free = tuple(free[-3:]), free[:-3]
    if number is None and len(free) == 1:
        number, free = free[0], []
    name = _name_column(words, texts - used - set(colour), heading)
    if free and number is None:
        raise DataError(f"the heading {', '.join(heading)!r} does not say which column is the id; call it `id`")
    return _Roles(name, number, colour, void)


def _colour_columns(words: Sequence[str], columns: dict[int, list[str]]) -> tuple[int, ...]:
    """Returns the places of red, green and blue, or the place of a column of colours, or none."""
    channels = [next((place for place, word in enumerate(words) if word in names), None) for names in _CHANNELS]
    if None not in channels:
        return tuple(place for place in channels if place is not None)
    named = (place for place, word in enumerate(words) if word in _COLOURS)
    other = (place for place, cells in columns.items() if cells and all(map(colour_of, cells)))
    found = next((place for place in (*named, *other) if any(map(colour_of, columns[place]))), None)
    return () if found is None else (found,)


def _id_column(words: Sequence[str], columns: dict[int, list[str]], whole: set[int]) -> int | None:
    """Returns the place of the ids; names such as `label` count if the column holds whole numbers.

    Raises:
        DataError: two columns could be it, and they differ; or one has some cells that are no numbers.
    """
    for place, word in enumerate(words):
        odd = [cell for cell in columns[place] if not re.fullmatch(r"-?\d+", cell)]
        if word in _IDS and odd and len(odd) < len(columns[place]):
            raise DataError(f"column {word!r} holds {odd[0]!r}, which is no whole number; write the value in the masks")
    for names in (_IDS, _OTHER_IDS):
        found = sorted(place for place in whole if words[place] in names)
        if len({tuple(columns[place]) for place in found}) > 1:
            which = " and ".join(repr(words[place]) for place in found)
            raise DataError(f"columns {which} could both hold the values in the masks; keep one of them")
        if found:
            return found[0]
    return None


def _name_column(words: Sequence[str], texts: set[int], heading: Sequence[str]) -> int:
    named = (place for word in _NAMES for place in sorted(texts) if words[place] == word)
    place = next(named, None)
    if place is None and len(texts) == 1:
        (place,) = texts
    if place is None:
        raise DataError(f"the heading {', '.join(heading)!r} does not say which column is the name; call it `name`")
    return place


def _row(cells: Sequence[str], roles: _Roles, number: int) -> ClassRow:
    colour = _colour([cells[place] for place in roles.colour], number)
    if not cells[roles.name]:
        raise DataError(f"line {number} has no name; write one")
    identity = None if roles.id is None else int(cells[roles.id])
    void = cells[roles.void].lower() in _TRUE or None if roles.void is not None else None
    return ClassRow(cells[roles.name], identity, colour, void)


def _colour(cells: Sequence[str], number: int) -> Colour | None:
    """Returns the colour in three cells or in one, None if they are empty."""
    if not any(cells):
        return None
    colour = colour_of(",".join(cells) if len(cells) == 3 else cells[0])
    if colour is None:
        raise DataError(f"line {number}: {' '.join(cells)!r} is no colour; write red, green and blue from 0 to 255")
    return colour


def _cells(line: str, delimiter: str) -> list[str]:
    if delimiter == " ":
        return line.split()
    return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])]


def _word(cell: str) -> str:
    return re.sub(r"[\s_\-.:()]", "", cell.lower())


def _is_numeric(cells: Iterable[str]) -> bool:
    every = list(cells)
    return bool(every) and all(re.fullmatch(r"-?\d+(\.\d+)?", cell) or colour_of(cell) for cell in every)
