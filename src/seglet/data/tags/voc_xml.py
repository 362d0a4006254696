"""Tags in PASCAL VOC's XML, as many labelling tools write it: the names of an image's objects, one file an image."""

from pathlib import Path
from xml.parsers import expat

from seglet.data.errors import DataError, Problem
from seglet.data.files import image_name
from seglet.data.tags.taglist import TagList, TagNames, unique_tags
from seglet.files import read_bytes

_NAME_PATH = ["annotation", "object", "name"]
"""Where the class of an object stands; its parts (head, hand) have names too, deeper down, and are no tags."""


def xml_files(folder: Path) -> list[Path]:
    """The XML files below a folder, by name; dot files are passed over."""
    return sorted(path for path in folder.rglob("*.xml") if not path.name.startswith("."))


def read_voc_xml(folder: Path) -> TagList:
    """The classes of the objects in each file of the folder; a file belongs to the image of its own name.

    Difficult and truncated objects count: they are there. Files that cannot be read are among the problems.
    """
    tags: dict[str, TagNames] = {}
    problems = []
    for path in xml_files(folder):
        try:
            tags[image_name(path, folder)] = unique_tags(object_names(read_bytes(path)))
        except (DataError, expat.ExpatError, ValueError) as error:
            what = f"cannot be read as VOC's XML ({error})"
            problems.append(Problem(str(path), what, "export it again, or remove it"))
    return TagList(folder, "voc-xml", tags, problems=tuple(problems))


def object_names(content: bytes) -> list[str]:
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
        if place == _NAME_PATH:
            found.append("")

    def end(_: str) -> None:
        place.pop()

    def text(part: str) -> None:
        if place == _NAME_PATH:
            found[-1] += part

    def refuse(*_: object) -> None:
        raise ValueError("it defines entities")

    parser.StartElementHandler = begin
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    parser.EntityDeclHandler = refuse
    parser.Parse(content, True)
    if roots != _NAME_PATH[:1]:
        raise ValueError(f"it begins with <{roots[0]}>, not <{_NAME_PATH[0]}>")
    return found
