"""Fields of other programs' files, checked as they are taken out, so that an error names the field in words."""

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from seglet.data.errors import DataError
from seglet.data.pixel_limit import allowed_size


def record_list(record: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """Returns the field `name`, a list of records.

    Raises:
        DataError: it is missing, or something else.
    """
    if name not in record:
        raise DataError(f"`{name}` is missing")
    rows = record[name]
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError(f"`{name}` is no list of records")
    return rows


def text_field(record: Mapping[str, Any], name: str, owner: str) -> str:
    """Returns the field `name` as text; `owner` says in the error message whose field it is.

    Raises:
        DataError: it is missing or empty.
    """
    value = record.get(name)
    if value is None or isinstance(value, (dict, list)) or not str(value).strip():
        raise DataError(f"{owner} has no `{name}`")
    return str(value)


def number_field(record: Mapping[str, Any], name: str, owner: str) -> float:
    """Returns the field `name` as a finite number, also from text.

    Raises:
        DataError: it is missing or no number.
    """
    if record.get(name) is None:
        raise DataError(f"{owner} has no `{name}`")
    return finite_number(record[name], f"`{name}` of {owner}")


def finite_number(value: object, name: str) -> float:
    """Returns a finite number, also from text; `name` is for the error message.

    Raises:
        DataError: it is something else.
    """
    try:
        number = float(value) if isinstance(value, (int, float, str)) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise DataError(f"{name} is {_short(value)}; a number was expected")
    return number


def stated_size(height: object, width: object) -> tuple[int, int] | None:
    """Returns the size (h, w) that a file states, None if a side is missing, empty or 0.

    Raises:
        DataError: a side is no whole number, or the image is larger than allowed (see `pixel_limit`).
    """
    if any(side in (None, "", 0, "0") for side in (height, width)):
        return None
    sides = [finite_number(side, name) for side, name in ((height, "its height"), (width, "its width"))]
    if min(sides) < 0 or any(side != int(side) for side in sides):
        raise DataError(f"it claims a size of {_short(width)}x{_short(height)}; whole numbers of pixels were expected")
    return allowed_size(int(sides[0]), int(sides[1]))


def image_path_below(written: str) -> str:
    """Returns an image's path as a file of annotations has it, relative and with forward slashes.

    Of a path on another machine, the root or drive and the steps upwards are left out; the rest says which image is
    meant, and never leads out of a folder.

    Raises:
        DataError: the path names no file.
    """
    parts = written.strip().replace("\\", "/").split("/")
    below: list[str] = []
    for part in parts:
        if part == "..":
            del below[-1:]
        elif part not in ("", ".") and not re.fullmatch(r"[A-Za-z][A-Za-z0-9]*:", part):
            below.append(part)
    if not below or "\0" in written or parts[-1] in ("", ".", ".."):
        raise DataError(f"image {written!r} names no file; write its path below the folder of the images")
    return "/".join(below)


def wording(error: BaseException) -> str:
    """Returns what was wrong in words; of exceptions that are Python's own, nothing of their text but names."""
    if isinstance(error, DataError):
        return str(error)
    if isinstance(error, json.JSONDecodeError):
        return f"it is not valid JSON ({error})"
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8 text; save it as UTF-8"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, KeyError) and error.args and isinstance(error.args[0], str):
        return f"`{error.args[0]}` is missing"
    return "a value has another form than expected"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "…"
