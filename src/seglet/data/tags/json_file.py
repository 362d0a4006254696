"""Tags in JSON: {"a.jpg": ["cat", "dog"]}, {"a.jpg": {"tags": […]}} or [{"image": "a.jpg", "tags": […]}]."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from seglet.data.errors import DataError
from seglet.data.tags import coco
from seglet.data.tags.taglist import Names, TagList, once
from seglet.files import content_hash, read_bytes
from seglet.values import choose_from

NAME_KEYS = ("image", "file_name", "filename", "file", "picture", "path", "name", "id")
TAG_KEYS = ("tags", "labels", "classes", "categories", "tag", "label", "class", "category")
EXPECTED = '{"a.jpg": ["cat", "dog"]}, {"a.jpg": {"tags": ["cat"]}} or [{"image": "a.jpg", "tags": ["cat"]}]'
BROKEN = (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError)


def read(path: Path, key: str = "", ending: str = "") -> TagList:
    """The tags of a JSON file, or of COCO annotations.

    Where an image has several fields, `key` names the one with tags; if empty, the first of TAG_KEYS that is there,
    those with `ending` (of the masks' folder: `_fg` of masks_fg) before others.

    Raises:
        DataError: it is not JSON, not of a known form, or names an image twice.
    """
    content = read_bytes(path)
    try:
        data = json.loads(content, object_pairs_hook=_distinct)
        if isinstance(data, dict) and {"images", "annotations", "categories"} <= data.keys():
            return TagList(path, "coco", coco.tags(data), content_hash(content))
        keys = (key,) if key else tuple(name + ending for name in TAG_KEYS if ending) + TAG_KEYS
        tags = _tags(data, keys)
    except DataError as error:
        raise DataError(f"{str(path)!r}: {error}") from error
    except BROKEN as error:
        raise DataError(f"{str(path)!r} holds no tags ({error!r}); expected COCO's instances or {EXPECTED}") from error
    if not tags:
        raise DataError(f"{str(path)!r} names no image; expected {EXPECTED}")
    return TagList(path, "json", tags, content_hash(content))


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"{twice!r} stands there twice; keep one of them")
    return found


def _tags(data: Any, keys: Sequence[str]) -> dict[str, Names]:
    found: dict[str, Names] = {}
    for name, value in _images(data):
        if name in found:
            raise DataError(f"{name!r} stands there twice; keep one of them")
        found[name] = once(_names(value, keys))
    return found


def _images(data: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(data, dict):
        yield from data.items()
        return
    if not isinstance(data, list):
        raise TypeError(f"a {type(data).__name__}")
    for row in data:
        key = next((key for key in NAME_KEYS if key in row), None)
        if key is None:
            raise DataError(f"{row!r} does not name its image; add one of {', '.join(NAME_KEYS)}")
        yield _name(row[key]), {name: value for name, value in row.items() if name != key}


def _names(value: Any, keys: Sequence[str]) -> list[str]:
    """The tags in a text, a list, or the field of an object that has them."""
    if isinstance(value, dict):
        key = next((key for key in keys if key in value), None)
        if key is None:
            there = choose_from(keys[0], value)
            raise DataError(f"no field {keys[0]!r}; say which holds the tags with --tags-key: {there}")
        return _names(value[key], ()) if not isinstance(value[key], dict) else _set(value[key])
    if value is None:
        return []
    return [_name(tag) for tag in value] if isinstance(value, list) else [_name(value)]


def _set(value: dict[str, Any]) -> list[str]:
    wrong = next((name for name, there in value.items() if there not in (0, 1)), None)
    if wrong is not None:
        raise DataError(f"{wrong!r} is {value[wrong]!r}; write 1 where the class is there, else 0")
    return [name for name, there in value.items() if there]


def _name(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise DataError(f"{value!r} is not a name; write it as text")
    return str(value)
