"""Tags in JSON: {"a.jpg": ["cat", "dog"]}, {"a.jpg": {"tags": […]}}, [{"image": "a.jpg", "tags": […]}], or COCO."""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from seglet.data.errors import DataError
from seglet.data.tags.taglist import TagList, TagNames, unique_tags
from seglet.files import content_hash, read_bytes
from seglet.values import choose_from

_NAME_KEYS = ("image", "file_name", "filename", "file", "picture", "path", "name", "id")
_TAG_KEYS = ("tags", "labels", "classes", "categories", "tag", "label", "class", "category")
_EXPECTED = '{"a.jpg": ["cat", "dog"]}, {"a.jpg": {"tags": ["cat"]}} or [{"image": "a.jpg", "tags": ["cat"]}]'
_FORMAT_ERRORS = (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError)


def read_json_tags(path: Path, key: str = "", ending: str = "") -> TagList:
    """Reads tags from a JSON file, or from COCO annotations.

    If an image has several fields, `key` names the one with tags; if `key` is empty, the first known name (tags,
    labels, classes, …) is taken, names with `ending` (`_fg` for a mask folder masks_fg) before others.

    Raises:
        DataError: the file is not JSON, has an unknown form, or names an image twice.
    """
    content = read_bytes(path)
    try:
        data = json.loads(content, object_pairs_hook=_distinct)
        if isinstance(data, dict) and {"images", "annotations", "categories"} <= data.keys():
            return TagList(path, "coco", coco_tags(data), content_hash(content))
        keys = (key,) if key else tuple(name + ending for name in _TAG_KEYS if ending) + _TAG_KEYS
        tags = _tags(data, keys)
    except DataError as error:
        raise DataError(f"{str(path)!r}: {error}") from error
    except _FORMAT_ERRORS as error:
        raise DataError(f"{str(path)!r} holds no tags ({error!r}); expected COCO's instances or {_EXPECTED}") from error
    if not tags:
        raise DataError(f"{str(path)!r} names no image; expected {_EXPECTED}")
    return TagList(path, "json", tags, content_hash(content))


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"{twice!r} is listed twice; keep one of them")
    return found


def _tags(data: Any, keys: Sequence[str]) -> dict[str, TagNames]:
    found: dict[str, TagNames] = {}
    for name, value in _images(data):
        if name in found:
            raise DataError(f"{name!r} is listed twice; keep one of them")
        found[name] = unique_tags(_names(value, keys))
    return found


def _images(data: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(data, dict):
        yield from data.items()
        return
    if not isinstance(data, list):
        raise TypeError(f"a {type(data).__name__}")
    for row in data:
        key = next((key for key in _NAME_KEYS if key in row), None)
        if key is None:
            raise DataError(f"{row!r} does not name its image; add one of {', '.join(_NAME_KEYS)}")
        yield _name(row[key]), {name: value for name, value in row.items() if name != key}


def _names(value: Any, keys: Sequence[str]) -> list[str]:
    """Returns the tags in a text, in a list, or in the field of an object that has them."""
    if isinstance(value, dict):
        key = next((key for key in keys if key in value), None)
        if key is None:
            there = choose_from(keys[0], value)
            raise DataError(f"no field {keys[0]!r}; say which holds the tags with --tags-key: {there}")
        return _names(value[key], ()) if not isinstance(value[key], dict) else _flagged(value[key])
    if value is None or value != value:  # null, or the NaN that pandas writes
        return []
    return [_name(tag) for tag in value] if isinstance(value, list) else [_name(value)]


def _flagged(value: dict[str, Any]) -> list[str]:
    wrong = next((name for name, there in value.items() if there not in (0, 1)), None)
    if wrong is not None:
        raise DataError(f"{wrong!r} is {value[wrong]!r}; write 1 where the class is there, else 0")
    return [name for name, there in value.items() if there]


def _name(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise DataError(f"{value!r} is not a name; write it as text")
    return str(value)


def coco_tags(data: dict[str, Any]) -> dict[str, TagNames]:
    """Returns the category names of the objects in each image, by file name; outlines are not needed, crowds count.

    Raises:
        DataError: two images share a file name.
        KeyError, TypeError or ValueError: a field is missing or has the wrong type.
    """
    names = {int(row["id"]): str(row["name"]) for row in data["categories"]}
    objects: dict[int, list[str]] = defaultdict(list)
    for row in data["annotations"]:
        objects[int(row["image_id"])].append(names[int(row["category_id"])])
    found: dict[str, TagNames] = {}
    for row in data["images"]:
        name = str(row["file_name"])
        if name in found:
            raise DataError(f"two images are called {name!r}; give each its own file")
        found[name] = unique_tags(objects[int(row["id"])])
    return found
