"""Reads class tables in the forms that people and tools write, and refuses what is none."""

import importlib.resources
import re
from pathlib import Path

from seglet.data.class_files.class_rows import ClassFile, ClassRow, class_file_of
from seglet.data.class_files.headed_columns import heading_delimiter, rows_below_heading
from seglet.data.class_files.line_grammars import rows_of_lines
from seglet.data.class_table import ClassTable
from seglet.data.errors import DataError
from seglet.files import read_bytes

_OTHER_FORMATS = {
    b"PK": "a spreadsheet or an archive; save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "an Excel file; save the sheet as CSV",
    b"\x89PNG": "an image",
    b"\xff\xd8": "an image",
}
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def shipped_class_tables() -> list[str]:
    """Returns the names of the tables that come with seglet."""
    folder = importlib.resources.files("seglet.data") / "class_tables"
    return sorted(entry.name.removesuffix(".txt") for entry in folder.iterdir() if entry.name.endswith(".txt"))


def read_class_table(path: Path) -> ClassTable:
    """Reads a class table from a file or, if there is no such file, the one of that name in seglet.

    Text has one class per line, all written in one way: `id name`, `id name R G B`, `name R G B`, `R G B name`,
    `name: id`, CVAT's `name:R,G,B::`, or names alone, numbered from 0 (from -1 after LabelMe's `__ignore__`). Colours
    may be `#rrggbb`. Columns of a CSV are found by its heading, if it has one; `# ` begins a comment line. JSON and
    YAML hold a list of {"id", "name", "colour", "void"}, a list of names or a mapping, also under a key such as
    `names`. Label maps of TensorFlow (pbtxt) are read too.

    Raises:
        DataError: the file has another form, or mixes two; names the line.
    """
    return read_class_file(path).entries


def read_class_file(path: Path) -> ClassFile:
    """Reads a class table with what the file says of ids and colours; see `read_class_table`."""
    if not path.exists() and str(path) in shipped_class_tables():
        folder = importlib.resources.files("seglet.data") / "class_tables"
        content = (folder / f"{path}.txt").read_bytes()
    else:
        content = read_bytes(path)
    try:
        return class_file_of(path, _rows(_decoded(content), path.suffix.lower()))
    except DataError as error:
        raise DataError(f"{str(path)!r}: {error}") from error


def _decoded(content: bytes) -> str:
    """Returns the text of a file in UTF-8 or, if its first bytes say so, in UTF-16."""
    other = next((what for begin, what in _OTHER_FORMATS.items() if content.startswith(begin)), None)
    if other is not None:
        raise DataError(f"this is {other}; a table of classes is text")
    try:
        return content.decode("utf-16" if content.startswith(_UTF_16) else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError("this is not UTF-8 text; save it as UTF-8") from error


def _rows(text: str, suffix: str) -> list[ClassRow]:
    """Returns the classes in a text whose format is known by its suffix or, in a .txt, by how it begins."""
    start = text.lstrip()
    if suffix == ".pbtxt" or re.match(r"item\s*:?\s*\{", start):
        return _structured("label_map", text)
    if suffix == ".json":
        return _structured("json", text)
    if suffix in (".yaml", ".yml") or re.search(r"^(names|nc)\s*:", text, re.MULTILINE) or start[:1] in ("[", "{"):
        return _structured("yaml", text)
    if start.startswith("<"):
        raise DataError("this is XML or HTML and no table of classes; write a line `id name` for each class")
    return _text_rows(text)


def _structured(form: str, text: str) -> list[ClassRow]:
    from seglet.data.class_files import structured

    readers = {
        "json": structured.rows_of_json, "yaml": structured.rows_of_yaml, "label_map": structured.rows_of_label_map
    }  # fmt: skip
    return readers[form](text)


def _text_rows(text: str) -> list[ClassRow]:
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), start=1)]
    lines = [line for line in lines if line[1] and not _is_comment(line[1])]
    forced = ""
    if lines and (said := re.fullmatch(r"\"?sep=(.)\"?", lines[0][1], re.IGNORECASE)):
        forced, lines = said[1], lines[1:]  # Excel's line
    delimiter = heading_delimiter(lines, forced)
    if delimiter is None:
        return rows_of_lines(lines)
    if delimiter == " ":
        return rows_of_lines(lines[1:])
    return rows_below_heading(lines, delimiter)


def _is_comment(line: str) -> bool:
    """True for lines that begin with `#`, unless it begins a colour that a name follows."""
    return line.startswith("#") and re.match(r"#[0-9a-fA-F]{6}[\s,;:]+\S", line) is None
