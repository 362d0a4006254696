"""Recognises files that are given for annotations and are something else, before they are read as JSON."""

import json
from pathlib import Path

_UNPACK = "unpack it first, then give the file or folder that was inside"
_BEGINNINGS = {
    b"PK\x03\x04": f"it is a zip archive; {_UNPACK}",
    b"\x1f\x8b": f"it is a gzip archive; {_UNPACK}",
    b"BZh": f"it is a bzip2 archive; {_UNPACK}",
    b"\xfd7zXZ": f"it is an xz archive; {_UNPACK}",
    b"7z\xbc\xaf": f"it is a 7-Zip archive; {_UNPACK}",
    b"Rar!": f"it is a RAR archive; {_UNPACK}",
    b"\x89PNG": "it is an image; if it is a mask, no import is needed: `seglet data check` reads folders of masks",
    b"\xff\xd8\xff": "it is an image; give the file with its annotations",
    b"\x93NUMPY": "it is an array of NumPy; save masks as PNG, which need no import",
    b"PAR1": "it is a Parquet table, which is not read; export annotations as one of those",
    b"%PDF": "it is a PDF; give the file with the annotations",
}
"""First bytes of a file, with what they mean."""
_COLUMNS = "image, label, and x, y (points), or xmin, ymin, xmax, ymax (boxes), or shape, points"
_TAR = 257
_BEGIN = 4096


def foreign_format(path: Path, content: bytes) -> str:
    """Returns what a file is and what to do, empty if it may be XML or JSON."""
    for begin, meaning in _BEGINNINGS.items():
        if content.startswith(begin):
            return meaning
    if content[_TAR : _TAR + 5] == b"ustar":
        return f"it is a tar archive; {_UNPACK}"
    if is_xml(content):
        return ""
    text = text_begin(content)
    if "\0" in text:
        return "it is no text; give the file with the annotations"
    if text[:1] in ("{", "["):
        return _json_lines(content) if text[0] == "{" else ""
    return _plain_text(path, text)


def is_xml(content: bytes) -> bool:
    """True if the text begins like XML, whatever its coding."""
    return text_begin(content)[:1] == "<"


def is_yolo(text: str) -> bool:
    """True if each line is a class number and at least four numbers, as in YOLO's files of boxes and outlines."""
    lines = [line.split() for line in text.splitlines() if line.strip()]
    return bool(lines) and all(_is_yolo_row(words) for words in lines)


def _is_yolo_row(words: list[str]) -> bool:
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        return False
    return len(words) >= 5 and words[0].isdecimal() and all(-1 <= number <= 2 for number in numbers[1:])


def text_begin(content: bytes, most: int = _BEGIN) -> str:
    """Returns the begin of a text, of at most so many bytes, without mark and white space."""
    start = content[:most]
    return start.decode(json.detect_encoding(start), "ignore").removeprefix("\ufeff").lstrip()


def _json_lines(content: bytes) -> str:
    """Returns what a file of several JSON objects is, one a line; empty for a single one."""
    lines = [line for line in content.splitlines() if line.strip()]
    if len(lines) < 2:
        return ""
    try:
        whole = [isinstance(json.loads(line), dict) for line in lines[:2]]
    except ValueError:
        return ""
    return "it is JSON Lines, an object on each line; write them as one list in brackets" if all(whole) else ""


def _has_columns(lines: list[str]) -> bool:
    """True if two lines have the same number of the same separator."""
    return len(lines) == 2 and any(0 < lines[0].count(mark) == lines[1].count(mark) for mark in ",;\t")


def other_tool(content: object) -> str:
    """Returns the name of a tool whose JSON is recognised but not read, empty if there is none."""
    if not isinstance(content, dict):
        return ""
    if "_via_img_metadata" in content or any(isinstance(one, dict) and "regions" in one for one in content.values()):
        return "VGG Image Annotator"
    return ""


def _plain_text(path: Path, text: str) -> str:
    kind = path.suffix.lower()
    lines = text.splitlines()
    whole = "\n".join(lines[:-1] if len(text) >= _BEGIN // 2 and len(lines) > 1 else lines)
    if is_yolo(whole):
        return "it is a text of YOLO's; give the folder that holds images/ and labels/"
    if kind in (".yaml", ".yml"):
        return "YAML is not read; give the file or folder with the annotations"
    if kind in (".csv", ".tsv") or _has_columns(lines[:2]):
        return f"CSV is not read without the columns {_COLUMNS}; write masks as PNG, or convert it to COCO's JSON"
    return "it is neither JSON nor XML"
