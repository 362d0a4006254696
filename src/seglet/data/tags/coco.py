"""Tags in COCO's instances: the categories of an image's objects. Outlines are not needed; boxes will do."""

from collections import defaultdict
from typing import Any

from seglet.data.errors import DataError
from seglet.data.tags.taglist import Names, once


def tags(data: dict[str, Any]) -> dict[str, Names]:
    """The names of the categories by the image's file name; crowds count, there being at least one in them.

    Raises:
        DataError: two images share a file name.
        KeyError, TypeError or ValueError: a field is not there or of the wrong kind.
    """
    names = {int(row["id"]): str(row["name"]) for row in data["categories"]}
    objects: dict[int, list[str]] = defaultdict(list)
    for row in data["annotations"]:
        objects[int(row["image_id"])].append(names[int(row["category_id"])])
    found: dict[str, Names] = {}
    for row in data["images"]:
        name = str(row["file_name"])
        if name in found:
            raise DataError(f"two images are called {name!r}; give each its own file")
        found[name] = once(objects[int(row["id"])])
    return found
