"""Tags from folders: one folder per class with its images, copies of them or links to them."""

from collections.abc import Collection
from pathlib import Path

from seglet.data.files import image_files, subfolders
from seglet.data.layouts.roles import split_of
from seglet.data.spelling import fold_spelling
from seglet.data.tags.taglist import TagList, TagNames, unique_tags


def read_class_folders(folder: Path, known: Collection[Path]) -> TagList:
    """Reads tags from class folders: an image has the names of the folders it is found in as tags.

    A file among the `known` images of the data set stands for itself, any other for the image of the same name.
    Folders called train, val, … are searched for class folders.
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
    return inside if inside and all(split_of(path.name) is not None for path in inside) else [folder]


def are_class_folders(folder: Path, known: Collection[Path], classes: Collection[str]) -> bool:
    """True if every image is in a folder named like one of `classes`, given in the spelling of `fold_spelling`."""
    places = {path.relative_to(home).parts[0] for home in _homes(folder) for path in known if path.is_relative_to(home)}
    return bool(places) and {fold_spelling(place) for place in places} <= set(classes)
