"""Tags in PASCAL VOC's XML, as many labelling tools write it: the names of an image's objects, one file an image."""

from pathlib import Path
from xml.parsers import expat

from seglet.data.errors import DataError, Problem
from seglet.data.files import identity
from seglet.data.tags.taglist import Names, TagList, once
from seglet.files import read_bytes

NAME = ["annotation", "object", "name"]
"""Where the class of an object stands; its parts (head, hand) have names too, deeper down, and are no tags."""


def files(folder: Path) -> list[Path]:
    """The XML files below a folder, by name; dot files are passed over."""
    return sorted(path for path in folder.rglob("*.xml") if not path.name.startswith("."))


def read(folder: Path) -> TagList:
    """The classes of the objects in each file of the folder; a file belongs to the image of its own name.

    Difficult and truncated objects count: they are there. Files that cannot be read are among the problems.
    """
    tags: dict[str, Names] = {}
    problems = []
    for path in files(folder):
        try:
            tags[identity(path, folder)] = once(names(read_bytes(path)))
        except (DataError, expat.ExpatError, ValueError) as error:
            what = f"cannot be read as VOC's XML ({error})"
            problems.append(Problem(str(path), what, "export it again, or remove it"))
    return TagList(folder, "voc-xml", tags, problems=tuple(problems))


def names(content: bytes) -> list[str]:
    """The names of the objects, in order.

    Raises:
        ExpatError or ValueError: it is not XML, is no annotation, or defines entities, which such files never do.
    """
    parser = expat.ParserCreate()
    found: list[str] = []
    place: list[str] = []
    roots: list[str] = []

    def begin(tag: str, _: dict[str, str]) -> None:
        if not place:
            roots.append(tag)
        place.append(tag)
        if place == NAME:
            found.append("")

    def end(_: str) -> None:
        place.pop()

    def text(part: str) -> None:
        if place == NAME:
            found[-1] += part

    def refuse(*_: object) -> None:
        raise ValueError("it defines entities")

    parser.StartElementHandler = begin
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    parser.EntityDeclHandler = refuse
    parser.Parse(content, True)
    if roots != NAME[:1]:
        raise ValueError(f"it begins with <{roots[0]}>, not <{NAME[0]}>")
    return found
