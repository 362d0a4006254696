"""Tags in PASCAL VOC's XML, which many labelling tools write: one file per image, with the names of its objects."""

from pathlib import Path
from xml.parsers import expat

from seglet.data.errors import DataError, Problem
from seglet.data.files import files_below, image_name
from seglet.data.tags.taglist import TagList, TagNames, unique_tags
from seglet.files import read_bytes

_NAME_PATH = ["annotation", "object", "name"]
"""Path of an object's class in the file; parts of objects (head, hand) have deeper names, which are no tags."""


def xml_files(folder: Path) -> list[Path]:
    """Returns the XML files below a folder, by name, without hidden ones."""
    return files_below(folder, {".xml"})


def read_voc_xml(folder: Path) -> TagList:
    """Reads the classes of the objects in each file of the folder; a file belongs to the image of its name.

    Difficult and truncated objects count. Files that cannot be read are in `TagList.problems`.
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
    """Returns the names of the objects in a file, in order.

    Raises:
        ExpatError or ValueError: the content is not XML, is no annotation, or defines entities, which is refused.
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
