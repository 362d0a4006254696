"""Class tables: which mask value stands for which class, and its train id."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import UInt8

from seglet.data.errors import DataError
from seglet.types import IGNORE, Classes, Colour, check_distinct_names, voc_colour

_VOID_NAMES = frozenset({"void", "unlabelled", "unlabeled", "ignore", "ignored", "__ignore__"})
MAX_ID = 65535


@dataclass(frozen=True)
class ClassEntry:
    """A mask value and its class. Void values become IGNORE; the others get train ids in order."""

    id: int
    name: str
    colour: Colour
    void: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.id <= MAX_ID:
            raise DataError(f"class {self.name!r} has id {self.id}; ids go from 0 to {MAX_ID}")
        if len(self.colour) != 3 or not all(0 <= part <= 255 for part in self.colour):
            raise DataError(f"class {self.name!r} has colour {self.colour}; give red, green and blue from 0 to 255")


ClassTable = tuple[ClassEntry, ...]


def numbered_table(names: Iterable[str], colours: Sequence[Colour] | None = None, first: int = 0) -> ClassTable:
    """Returns a table with consecutive ids from `first`, by default in VOC's colours; `void` and the like are void."""
    return tuple(
        ClassEntry(first + place, name, colours[place] if colours else voc_colour(first + place), is_void(name))
        for place, name in enumerate(names)
    )


def is_void(name: str) -> bool:
    """True for the names that mark pixels to ignore, such as `void` and `unlabelled`."""
    return name.strip().lower() in _VOID_NAMES


def is_background(name: str) -> bool:
    """True for the names of the background, such as `background`, `Background` and `_background_`."""
    return name.strip(" _").lower() == "background"


def mark_void(entries: ClassTable, ids: Iterable[int]) -> ClassTable:
    """Returns the table with these ids void; ids that it lacks are added."""
    known = {entry.id: entry for entry in entries}
    for number in ids:
        entry = known.get(number, ClassEntry(number, "void" if number == IGNORE else f"void_{number}", (0, 0, 0)))
        known[number] = replace(entry, void=True)
    return tuple(known[number] for number in sorted(known))


def binary_table(entries: ClassTable | None) -> ClassTable:
    """Returns the table of masks with background 0 and one object 255.

    The names are those of `entries` if it has two classes; the name of a single one is that of the object.
    """
    names = [entry.name for entry in entries or () if not entry.void]
    if len(names) == 1 and names[0].strip(" _").lower() != "background":
        names = ["background", *names]
    low, high = names if len(names) == 2 else ("background", "object")
    return ClassEntry(0, low, voc_colour(0)), ClassEntry(255, high, voc_colour(1))


def classes_of(entries: ClassTable) -> Classes:
    """Returns the classes in the order of their train ids, without void.

    Raises:
        DataError: there are none or more than 255, or two share a name or an id.
    """
    kept = [entry for entry in entries if not entry.void]
    ids = [entry.id for entry in entries]
    if repeated := sorted({number for number in ids if ids.count(number) > 1}):
        raise DataError(f"class ids repeat: {repeated}; give each class its own")
    try:
        check_distinct_names(entry.name for entry in kept)
        return Classes(tuple(entry.name for entry in kept), tuple(entry.colour for entry in kept))
    except ValueError as error:
        raise DataError(f"{error}; change the table of classes") from error


def train_ids(entries: ClassTable) -> dict[int, int]:
    """Returns a map from mask value to train id; void and, unless a class has that id, 255 become IGNORE."""
    kept = [entry.id for entry in entries if not entry.void]
    mapping = {IGNORE: IGNORE} | {entry.id: IGNORE for entry in entries if entry.void}
    return mapping | {number: place for place, number in enumerate(kept)}


def train_colours(entries: ClassTable) -> dict[int, int]:
    """Returns a map from packed colour (see `pack_colours`) to train id or IGNORE.

    Raises:
        DataError: two entries share a colour.
    """
    kept = [entry for entry in entries if not entry.void]
    mapping = {pack_colour(entry.colour): IGNORE for entry in entries if entry.void}
    mapping |= {pack_colour(entry.colour): place for place, entry in enumerate(kept)}
    if len(mapping) != len(entries):
        raise DataError("two classes share a colour, so colour-coded masks cannot tell them apart; change the table")
    return mapping


def pack_colours(colours: UInt8[np.ndarray, "h w 3"]) -> np.ndarray:
    """Returns each colour as one number, 65536 red + 256 green + blue."""
    wide = colours.astype(np.int32)
    return np.asarray(wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2])


def unpack_colour(number: int) -> Colour:
    """Returns the red, green and blue of a packed colour."""
    return number >> 16, number >> 8 & 255, number & 255


def pack_colour(colour: Colour) -> int:
    """Returns a colour as one number; see `pack_colours`."""
    return colour[0] << 16 | colour[1] << 8 | colour[2]


def entry_from_json(row: dict[str, object]) -> ClassEntry:
    """Returns the class that a JSON object describes.

    Raises:
        DataError, TypeError or KeyError: the object has another form.
    """
    number, name, colour = row["id"], row["name"], row.get("colour", row.get("color"))
    if not isinstance(number, int) or not isinstance(name, str):
        raise TypeError(f"class {row!r} needs a whole number as id and a text as name")
    if colour is None:
        chosen = voc_colour(number)
    elif isinstance(colour, list) and len(colour) == 3 and all(type(part) is int for part in colour):
        chosen = (colour[0], colour[1], colour[2])
    else:
        raise TypeError(f"colour of class {name!r} is {colour!r}; give [red, green, blue]")
    return ClassEntry(number, name, chosen, bool(row.get("void", is_void(name))))


CLASS_FILE = "classes.txt"


def class_table_text(classes: Classes) -> str:
    """Returns the classes as text that `read_class_table` reads, one line per class."""
    named = enumerate(zip(classes.names, classes.colours, strict=True))
    return "".join(f"{label} {name} {red} {green} {blue}\n" for label, (name, (red, green, blue)) in named)
