"""Tags in the boxes of Piotr's toolbox, as ExDark has them: a text file for each image, a line for each object."""

from pathlib import Path

from seglet.data.errors import DataError, Problem
from seglet.data.files import IMAGE_SUFFIXES, files_below, image_name
from seglet.data.tags.taglist import TagList, TagNames, unique_tags
from seglet.files import read_bytes

_HEAD = "% bbGt"


def are_bbgt_files(folder: Path) -> bool:
    """True if the first text file below the folder, by name, has boxes in this form."""
    first = next(iter(files_below(folder, {".txt"})), None)
    return first is not None and read_bytes(first).startswith(_HEAD.encode())


def read_bbgt(folder: Path) -> TagList:
    """Reads the classes of the boxes in each file; `NAME.jpg.txt` belongs to the image `NAME`, in the same folder.

    Class names are taken without capitals. Files that cannot be read are in `TagList.problems`.
    """
    tags: dict[str, TagNames] = {}
    problems = []
    for path in files_below(folder, {".txt"}):
        try:
            tags[_image(path, folder)] = unique_tags(_classes(read_bytes(path).decode("utf-8")))
        except (DataError, ValueError) as error:
            problems.append(Problem(str(path), f"cannot be read as boxes ({error})", "export it again, or remove it"))
    return TagList(folder, "bbgt", tags, problems=tuple(problems))


def _image(path: Path, folder: Path) -> str:
    """Returns the name of the image: the file's, without the ending of the image in it."""
    name = image_name(path, folder)
    stem, _, suffix = name.rpartition(".")
    return stem if stem and f".{suffix.lower()}" in IMAGE_SUFFIXES else name


def _classes(content: str) -> list[str]:
    head, *lines = content.splitlines() or [""]
    if not head.startswith(_HEAD):
        raise ValueError(f"it begins with {head[:20]!r}, not {_HEAD!r}")
    return [line.split()[0].lower() for line in lines if line.strip()]
