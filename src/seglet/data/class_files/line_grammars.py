"""Class tables of one line per class: one grammar holds for all lines of a file, and a file of none is refused."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from seglet.data.class_files.class_rows import ClassRow
from seglet.data.errors import DataError
from seglet.data.files import IMAGE_SUFFIXES
from seglet.types import Colour

Line = tuple[int, str]
"""Number of a line in its file, from 1, and its text."""

_GAP = r"(?:\s*(?:[,;:=|]|->|=>)\s*|\s+)"
_AFTER_ID = rf"(?:\s*[.)]\s+|\s+-\s+|{_GAP})"
_ID = r"(?P<id>-?\d+)"
_NAME = rf"(?P<name>(?!-?\d+{_GAP})\S.*?)"
_BYTES = r"\d{1,3}\s*[\s,;:]\s*\d{1,3}\s*[\s,;:]\s*\d{1,3}"
_COLOUR = rf"(?P<colour>(?:rgb)?[(\[]\s*{_BYTES}\s*[)\]]|{_BYTES}|(?:#|0x)[0-9a-fA-F]{{6}})"
_PARTS_AND_ACTIONS = r":[^:]*:[^:]*"


@dataclass(frozen=True)
class _Grammar:
    form: str
    pattern: re.Pattern[str]

    def row(self, line: str) -> ClassRow | None:
        """Returns the class of the line, or None if the line has another form."""
        found = self.pattern.fullmatch(line)
        parts = {} if found is None else found.groupdict()
        name = _unquoted(parts.get("name", ""))
        if not any(letter.isalpha() for letter in name):
            return None
        number = parts.get("id")
        return ClassRow(name, None if number is None else int(number), colour_of(parts.get("colour") or ""))


def _grammar(form: str, pattern: str) -> _Grammar:
    return _Grammar(form, re.compile(pattern, re.IGNORECASE))


_CVAT = _grammar("name:R,G,B:parts:actions", rf"(?P<name>[^:]+):(?P<colour>{_BYTES})?{_PARTS_AND_ACTIONS}")
_ID_COLOUR_NAME = _grammar("id R G B name", _ID + _AFTER_ID + _COLOUR + _GAP + _NAME)
_COLOUR_NAME = _grammar("R G B name", _COLOUR + _GAP + _NAME)
_ID_NAME = _grammar("id name", _ID + _AFTER_ID + _NAME + rf"(?:{_GAP}{_COLOUR})?")
_NAME_ID_COLOUR = _grammar("name id R G B", _NAME + _GAP + _ID + _GAP + _COLOUR)
_NAME_COLOUR = _grammar("name R G B", _NAME + _GAP + _COLOUR)
_NAME_ID = _grammar("name id", _NAME + _GAP + _ID)
_GRAMMARS = (_CVAT, _ID_COLOUR_NAME, _COLOUR_NAME, _ID_NAME, _NAME_ID_COLOUR, _NAME_COLOUR, _NAME_ID)
"""Grammars in the order in which they are tried; a list of names alone has none of these forms."""

_FORMS = "`id name`, `id name R G B`, `name R G B` or `name`, the same on every line"


def rows_of_lines(lines: Sequence[Line]) -> list[ClassRow]:
    """Returns the classes of the lines by the one grammar that fits all of them.

    Raises:
        DataError: no grammar does, or two do; names the line.
    """
    for grammar in _GRAMMARS:
        rows = [row for _, line in lines if (row := grammar.row(line)) is not None]
        if len(rows) == len(lines) and rows and _is_plausible(grammar, rows):
            _refuse_left_numbers(rows, lines)
            return rows
    return _rows_of_names(lines)


def fits_a_grammar(lines: Sequence[Line]) -> bool:
    """True if one grammar with ids or colours fits all lines."""
    return any(all(grammar.row(line) is not None for _, line in lines) for grammar in _GRAMMARS)


def colour_of(text: str) -> Colour | None:
    """Returns the colour in `128,0,0`, `(128 0 0)`, `rgb(128, 0, 0)`, `#800000` or `0x800000`, or None."""
    plain = text.strip().lower()
    if found := re.fullmatch(r"(?:#|0x)?([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})", plain):
        red, green, blue = (int(part, 16) for part in found.groups())
        return red, green, blue
    if re.fullmatch(rf"(?:rgb)?[(\[]?\s*{_BYTES}\s*[)\]]?", plain):
        red, green, blue = (int(part) for part in re.findall(r"\d+", plain))
        return red, green, blue
    return None


def _is_plausible(grammar: _Grammar, rows: Sequence[ClassRow]) -> bool:
    """False for names that end in a number, such as `zone 1` and `zone 2`, which would leave equal names."""
    if grammar not in (_NAME_ID, _NAME_ID_COLOUR):
        return True
    return len({row.name for row in rows}) == len({row.id for row in rows}) == len(rows)


def _refuse_left_numbers(rows: Sequence[ClassRow], lines: Sequence[Line]) -> None:
    """Checks that lines have no column of unknown meaning: a number after every name, or 255 as a fourth colour.

    Raises:
        DataError: they have; names the first line.
    """
    number, line = lines[0]
    ends = [re.fullmatch(rf"(.*\S){_GAP}-?\d+(?:\.\d+)?", row.name) for row in rows]
    heads = {found[1] for found in ends if found is not None}
    opaque = all(row.colour and row.id is not None and re.search(r"^\D.*\D255$", text)
                 for row, (_, text) in zip(rows, lines, strict=True))  # fmt: skip
    if len(rows) > 1 and (len(heads) == len(rows) or opaque):
        raise DataError(f"line {number} {line!r} has a number too many; write a heading that names the columns")


def _rows_of_names(lines: Sequence[Line]) -> list[ClassRow]:
    """Returns a class for each line, or for each part of a single line with commas."""
    if len(lines) == 1 and re.search("[,;]", lines[0][1]):
        number, line = lines[0]
        lines = [(number, part.strip()) for part in re.split("[,;]", line) if part.strip()]
    _refuse_mixture(lines)
    if len(lines) > 1 and all(re.search("[,;\t]", line) for _, line in lines):
        number, line = lines[0]
        raise DataError(f"line {number} {line!r} has several columns; write a heading that names them, or {_FORMS}")
    for number, line in lines:
        if not _is_name(line):
            raise DataError(f"line {number} {line!r} is no class; a table of classes has lines {_FORMS}")
    return [ClassRow(_unquoted(line)) for _, line in lines]


def _refuse_mixture(lines: Sequence[Line]) -> None:
    """Checks that no line has a form with an id or a colour while others have not.

    Raises:
        DataError: one has; names the two lines.
    """

    def count(grammar: _Grammar) -> int:
        return sum(grammar.row(line) is not None for _, line in lines)

    grammar = max(_GRAMMARS, key=count)
    matching = [each for each in lines if grammar.row(each[1]) is not None]
    if not matching or len(matching) == len(lines):
        return  # all of them end in numbers, and are names all the same
    other = next(each for each in lines if grammar.row(each[1]) is None)
    raise DataError(
        f"line {other[0]} {other[1]!r} is not written like line {matching[0][0]} {matching[0][1]!r} "
        f"(`{grammar.form}`); write all lines in one way, or begin a comment with `# `"
    )


def _is_name(line: str) -> bool:
    """False for text that is no name: without a letter, code, a path, or the name of an image file."""
    tests: tuple[Callable[[str], bool], ...] = (
        lambda text: not any(letter.isalpha() for letter in text),
        lambda text: text[0] in "<{[}]" or text[-1] in "{[<",
        lambda text: "=" in text or "://" in text or "/" in text[:3],
        lambda text: text.lower().endswith(tuple(IMAGE_SUFFIXES)),
        lambda text: len(text) > 120,
    )
    return not any(test(line) for test in tests)


def _unquoted(text: str) -> str:
    plain = text.strip()
    quoted = len(plain) > 1 and plain[0] == plain[-1] and plain[0] in "'\"" and plain[0] not in plain[1:-1]
    return plain[1:-1].strip() if quoted else plain
