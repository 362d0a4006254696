"""Rows of a class table as a file writes them, and the table that they make."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from seglet.data.class_table import ClassEntry, ClassTable, classes_of, is_void
from seglet.data.errors import DataError
from seglet.types import IGNORE, Colour, voc_colour

_LABELME_IGNORE = "__ignore__"


@dataclass(frozen=True)
class ClassRow:
    """One class as it is written; None for what the row does not say."""

    name: str
    id: int | None = None
    colour: Colour | None = None
    void: bool | None = None


@dataclass(frozen=True)
class ClassFile:
    """A class table that was read from a file.

    `numbered` is True if the file gives each class its id, `coloured` if it gives each its colour; other ids follow the
    order of the rows, and other colours are those of VOC.
    """

    path: Path
    entries: ClassTable
    numbered: bool
    coloured: bool


def class_file_of(path: Path, rows: Sequence[ClassRow]) -> ClassFile:
    """Returns the table of these rows.

    Rows without ids are numbered from 0 or, as LabelMe does, from -1 if the first is `__ignore__`. In files of 8 bits
    the id -1 of a void class is 255.

    Raises:
        DataError: only some rows have ids, ids or names repeat, or a value is out of range.
    """
    without = [row.name for row in rows if row.id is None]
    if without and len(without) < len(rows):
        raise DataError(f"{without[0]!r} has no id, but other classes have one; give each its id, or none")
    first = -1 if rows and rows[0].name == _LABELME_IGNORE and without else 0
    entries = tuple(
        _entry(row, place if row.id is None else row.id, is_void(row.name) if row.void is None else row.void)
        for place, row in enumerate(rows, start=first)
    )
    classes_of(entries)
    return ClassFile(path, entries, not without, all(row.colour is not None for row in rows))


def _entry(row: ClassRow, number: int, void: bool) -> ClassEntry:
    value = IGNORE if void and number == -1 else number
    colour = voc_colour(max(value, 0)) if row.colour is None else row.colour
    return ClassEntry(value, row.name, colour, void)
