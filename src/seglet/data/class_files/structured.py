"""Class tables in JSON, YAML and TensorFlow's label maps."""

import json
import re
from collections.abc import Mapping
from typing import Any

from seglet.data.class_files.class_rows import ClassRow
from seglet.data.class_files.line_grammars import colour_of
from seglet.data.class_table import entry_from_json
from seglet.data.errors import DataError
from seglet.types import Colour

_LISTS = ("names", "classes", "labels", "categories", "class_names", "id2label", "label2id", "label_map")
_PALETTES = ("palette", "colors", "colours")
_NAME_KEYS = ("name", "title", "label", "class", "class_name", "display_name")
_ID_KEYS = ("id", "value", "index", "label_id", "class_id", "category_id")
_COLOUR_KEYS = ("colour", "color", "rgb", "hex")
_EXPECTED = 'a list such as [{"id": 0, "name": "road", "colour": [128, 64, 128], "void": false}], or names: [road, car]'


def rows_of_json(text: str) -> list[ClassRow]:
    """Returns the classes in JSON text.

    Raises:
        DataError: it is no JSON, repeats a key, or holds no table of classes.
    """
    try:
        return _rows(json.loads(text, object_pairs_hook=_distinct))
    except (ValueError, RecursionError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"this is no JSON ({error}); expected {_EXPECTED}") from error


def rows_of_yaml(text: str) -> list[ClassRow]:
    """Returns the classes in YAML text, such as the names in the data.yaml of YOLO.

    Raises:
        DataError: it is no YAML, repeats a key, or holds no table of classes.
    """
    import yaml

    from seglet.data.yaml_loader import DistinctKeysLoader

    try:
        return _rows(yaml.load(text, DistinctKeysLoader))
    except (yaml.YAMLError, RecursionError) as error:
        raise DataError(f"this is no YAML ({error}); expected {_EXPECTED}") from error


def rows_of_label_map(text: str) -> list[ClassRow]:
    """Returns the classes in a label map of TensorFlow (pbtxt), with background as 0, which is reserved for it.

    Raises:
        DataError: there is text outside of the items, or an item lacks its id or name.
    """
    items = re.findall(r"\bitem\s*:?\s*\{([^{}]*)\}", text)
    left = re.sub(r"\bitem\s*:?\s*\{[^{}]*\}|#.*|[\s,]", "", text)
    if left or not items:
        raise DataError(f"this is no label map: {left[:40]!r}; each class is item {{ id: 1 name: 'road' }}")
    rows = [_item(item) for item in items]
    return rows if any(row.id == 0 for row in rows) else [ClassRow("background", 0), *rows]


def _item(text: str) -> ClassRow:
    number = re.search(r"\bid\s*:\s*(\d+)", text)
    names = {key: name for key, _, name in re.findall(r"\b(name|display_name)\s*:\s*(['\"])(.*?)\2", text)}
    name = names.get("name", "")
    if "display_name" in names and (not name or name.startswith("/")):  # Open Images names classes by a key
        name = names["display_name"]
    if number is None or not name:
        raise DataError(f"item {' '.join(text.split())!r} needs an id and a name")
    return ClassRow(name, int(number[1]))


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if twice := [name for name in names if names.count(name) > 1]:
        raise DataError(f"{twice[0]!r} is listed twice; keep one of them")
    return dict(pairs)


def _rows(data: Any) -> list[ClassRow]:
    """Returns the classes in a list, in a mapping, or under the key of a mapping that has them."""
    if isinstance(data, dict) and {"images", "annotations"} <= data.keys():
        raise DataError("these are COCO's annotations, no class table; `seglet data import` makes masks of them")
    if isinstance(data, dict):
        key = next((key for key in _LISTS if isinstance(data.get(key), list | dict)), None)
        rows = _of_mapping(data) if key is None else _listed(data[key], data)
        return _counted(rows, data)
    return _listed(data, {})


def _counted(rows: list[ClassRow], data: Mapping[Any, Any]) -> list[ClassRow]:
    """Returns the rows after comparing their number with YOLO's `nc`."""
    count = data.get("nc")
    if isinstance(count, int) and count != len(rows):
        raise DataError(f"nc is {count}, but there are {len(rows)} names; correct one of them")
    return rows


def _listed(inner: Any, outer: Mapping[Any, Any]) -> list[ClassRow]:
    if isinstance(inner, dict):
        return _of_mapping(inner)
    if not isinstance(inner, list) or not inner:
        raise DataError(f"expected {_EXPECTED}; got {_short(inner)}")
    palette = next((outer[key] for key in _PALETTES if isinstance(outer.get(key), list)), None)
    if palette is None:
        return [_of_value(value) for value in inner]
    if len(palette) != len(inner):
        raise DataError(f"there are {len(inner)} classes but {len(palette)} colours; give each class one")
    return [ClassRow(_text(name), None, _colour(colour)) for name, colour in zip(inner, palette, strict=True)]


def _of_mapping(data: Mapping[Any, Any]) -> list[ClassRow]:
    """Returns the classes of a mapping from id to name, from name to id, or from either to an object or colour."""
    if not data:
        raise DataError(f"there is no class; expected {_EXPECTED}")
    return [_of_pair(key, value) for key, value in data.items()]


def _of_pair(key: Any, value: Any) -> ClassRow:
    number = int(key) if isinstance(key, int | str) and not isinstance(key, bool) and _is_whole(key) else None
    if isinstance(value, dict):
        return _of_value({"name" if number is None else "id": key if number is None else number, **value})
    if number is not None:
        return ClassRow(_text(value), number)
    if type(value) is int:
        return ClassRow(_text(key), value)
    if isinstance(value, list) or (isinstance(value, str) and colour_of(value)):
        return ClassRow(_text(key), None, _colour(value))
    raise DataError(f"{_short(key)}: {_short(value)} is no class; expected {_EXPECTED}")


def _of_value(value: Any) -> ClassRow:
    if isinstance(value, str):
        return ClassRow(_text(value))
    if not isinstance(value, dict):
        raise DataError(f"{_short(value)} is no class; write it in quotes, or give {_EXPECTED}")
    name = next((value[key] for key in _NAME_KEYS if key in value), None)
    number = next((value[key] for key in _ID_KEYS if key in value), None)
    colour = next((value[key] for key in _COLOUR_KEYS if value.get(key) is not None), None)
    if number is None:
        return ClassRow(_text(name), None, None if colour is None else _colour(colour), value.get("void"))
    shown = {"id": number, "name": name, "colour": None if colour is None else list(_colour(colour))}
    try:
        entry = entry_from_json({**shown, **({"void": value["void"]} if "void" in value else {})})
    except (TypeError, KeyError) as error:
        raise DataError(f"{error}; expected {_EXPECTED}") from error
    return ClassRow(entry.name, entry.id, None if colour is None else entry.colour, entry.void)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise DataError(f"class name {_short(value)} is no text; YAML reads words such as no and 3 otherwise: quote it")
    return value.strip()


def _colour(value: Any) -> Colour:
    if isinstance(value, str) and (colour := colour_of(value)):
        return colour
    if isinstance(value, list) and len(value) in (3, 4) and all(type(part) is int for part in value):
        return value[0], value[1], value[2]
    raise DataError(f"colour {_short(value)}: give [red, green, blue] from 0 to 255 or '#rrggbb'")


def _is_whole(value: int | str) -> bool:
    return re.fullmatch(r"-?\d+", str(value)) is not None


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
