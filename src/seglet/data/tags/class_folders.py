"""Tags by place: a folder for each class, that holds its images, copies of them or links to them."""

from collections.abc import Collection
from pathlib import Path

from seglet.data.files import image_files, subfolders
from seglet.data.layouts.found import SPLIT_NAMES
from seglet.data.spelling import fold_spelling
from seglet.data.tags.taglist import TagList, TagNames, unique_tags


def read_class_folders(folder: Path, known: Collection[Path]) -> TagList:
    """Each image below a folder has that folder's name as a tag; one found in several has several.

    Where a file is itself one of the `known` images of the data set, it speaks for itself; any other speaks for the
    image of its name. Folders that are called train, val, … are looked into.
    """
    tags: dict[str, TagNames] = {}
    for home in _homes(folder):
        for of_class in subfolders(home):
            for path in image_files(of_class):
                name = path.relative_to(folder if path in known else of_class).as_posix()
                tags[name] = unique_tags([*tags.get(name, ()), of_class.name])
    return TagList(folder, "folders", tags)


def _homes(folder: Path) -> list[Path]:
    inside = subfolders(folder)
    return inside if inside and all(path.name.lower() in SPLIT_NAMES for path in inside) else [folder]


def are_class_folders(folder: Path, known: Collection[Path], classes: Collection[str]) -> bool:
    """Whether every image lies in a folder called like one of the classes, which are given as `folded`."""
    places = {path.relative_to(home).parts[0] for home in _homes(folder) for path in known if path.is_relative_to(home)}
    return bool(places) and {fold_spelling(place) for place in places} <= set(classes)
