"""Masks to and from the files of labelling tools, whichever the tool."""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal, get_args

from seglet.data.errors import DataError
from seglet.data.label_tools import coco_json, cvat, label_studio, labelme
from seglet.data.label_tools.coco_reader import CrowdReading, read_coco_json
from seglet.data.label_tools.cvat_reader import read_cvat
from seglet.data.label_tools.exchange import ToolAnnotations
from seglet.data.label_tools.label_studio_reader import read_label_studio
from seglet.data.label_tools.labelme_reader import read_labelme
from seglet.data.label_tools.recognise import foreign_format, is_xml
from seglet.data.label_tools.regions import AnnotatedImage, RegionForm
from seglet.files import read_bytes, read_json
from seglet.types import Classes

LabelTool = Literal["coco", "labelme", "cvat", "label-studio"]


LABEL_TOOLS: tuple[LabelTool, ...] = get_args(LabelTool)


USUAL_FORMS: dict[LabelTool, RegionForm] = {
    "coco": "polygons",
    "labelme": "polygons",
    "cvat": "polygons",
    "label-studio": "masks",
}
"""Usual form of regions in each tool."""


def write_annotations(
    tool: LabelTool, out: Path, images: Iterable[AnnotatedImage], classes: Classes, form: RegionForm
) -> Path:
    """Writes annotations for a tool below `out`, where the images are in images/, and returns the file or folder."""
    if tool == "labelme":
        return labelme.write_labelme(out, images, form)
    if tool == "cvat":
        return cvat.write_cvat(out, images, classes, form)
    if tool == "label-studio":
        return label_studio.write_label_studio(out, images, classes, form)
    return coco_json.write_coco_json(out, images, classes, form)


def read_annotations(source: Path, crowds: CrowdReading = "ask") -> tuple[LabelTool, ToolAnnotations]:
    """Reads the export of a tool, recognised by its content, from a file or a folder that `write_annotations` made.

    Raises:
        DataError: the tool is not recognised.
    """
    if not source.exists():
        raise DataError(f"{str(source)!r} does not exist; give what the tool exported")
    file = _file(source)
    if file.is_dir():
        return "labelme", read_labelme(file)
    begin = read_bytes(file)
    if reason := foreign_format(file, begin):
        raise DataError(f"{str(file)!r} is no file of {', '.join(LABEL_TOOLS)}: {reason}")
    if is_xml(begin):
        return "cvat", read_cvat(file)
    content = read_json(file)
    if isinstance(content, list):
        return "label-studio", read_label_studio(file)
    if isinstance(content, dict) and "shapes" in content:
        return "labelme", read_labelme(file)
    if isinstance(content, dict) and ("annotations" in content or "categories" in content):
        return "coco", read_coco_json(file, crowds)
    raise DataError(f"{str(file)!r} is JSON, but no file of {', '.join(LABEL_TOOLS)}; export it as one of them")


def _file(source: Path) -> Path:
    if not source.is_dir():
        return source
    usual = [
        source / cvat.CVAT_FILE,
        source / label_studio.LABEL_STUDIO_FILE,
        *sorted((source / "annotations").glob("instances_*.json")),
    ]
    there = [file for file in usual if file.is_file()]
    if len(there) > 1:
        names = ", ".join(file.relative_to(source).as_posix() for file in there)
        raise DataError(f"{str(source)!r} holds {names}; name the one to read")
    folder = source / labelme.LABELME_FOLDER
    return there[0] if there else folder if folder.is_dir() else source
