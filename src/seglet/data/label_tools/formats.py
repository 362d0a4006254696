"""Masks to and from the files of labelling tools, whichever the tool."""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal, get_args

from seglet.data.errors import DataError
from seglet.data.label_tools import coco_json, cvat, label_studio, labelme
from seglet.data.label_tools.annotation_files import annotation_kind
from seglet.data.label_tools.coco_reader import CrowdReading, read_coco_json
from seglet.data.label_tools.csv_reader import is_shape_table, read_shape_csv
from seglet.data.label_tools.cvat_reader import read_cvat
from seglet.data.label_tools.datumaro_reader import is_datumaro, read_datumaro
from seglet.data.label_tools.exchange import ToolAnnotations
from seglet.data.label_tools.label_studio_reader import read_label_studio
from seglet.data.label_tools.labelme_reader import read_labelme
from seglet.data.label_tools.recognise import foreign_format, is_xml, other_tool
from seglet.data.label_tools.regions import AnnotatedImage, RegionForm
from seglet.data.label_tools.supervisely_reader import is_supervisely, read_supervisely
from seglet.data.label_tools.yolo_reader import read_yolo, yolo_files
from seglet.files import read_bytes, read_json
from seglet.types import Classes

LabelTool = Literal["coco", "labelme", "cvat", "label-studio"]


ReadableTool = LabelTool | Literal["yolo", "csv", "supervisely", "datumaro"]
"""Formats that are read; YOLO's is not written, as its outlines have no holes, nor a table of shapes."""

LABEL_TOOLS: tuple[LabelTool, ...] = get_args(LabelTool)


_SHOWN = 5
_ROBOFLOW_FILE = "_annotations.coco.json"
"""Roboflow's name of a COCO file, which lies beside its images."""

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


def check_image_name(tool: LabelTool, name: str) -> None:
    """Checks that the files of a tool can hold the name of an image.

    Raises:
        DataError: they cannot, as XML cannot hold names that are no UTF-8 or have control characters.
    """
    if tool == "cvat":
        cvat.xml_text(name)


def read_annotations(source: Path, crowds: CrowdReading = "ask") -> tuple[ReadableTool, ToolAnnotations]:
    """Reads the export of a tool, recognised by its content, from a file or a folder that `write_annotations` made.

    Raises:
        DataError: the tool is not recognised.
    """
    if not source.exists():
        raise DataError(f"{str(source)!r} does not exist; give what the tool exported")
    file = _file(source)
    if file.is_dir():
        texts = yolo_files(file)
        if not texts and any(annotation_kind(path) == "supervisely" for path in sorted(file.rglob("*.json"))):
            return "supervisely", read_supervisely(file)
        return ("yolo", read_yolo(file, texts)) if texts else ("labelme", read_labelme(file))
    begin = read_bytes(file)
    if is_shape_table(begin):
        return "csv", read_shape_csv(file)
    if reason := foreign_format(file, begin):
        raise DataError(f"{str(file)!r} is no file of {', '.join(LABEL_TOOLS)}: {reason}")
    if is_xml(begin):
        return "cvat", read_cvat(file)
    content = read_json(file)
    if isinstance(content, list):
        return "label-studio", read_label_studio(file)
    if isinstance(content, dict) and "shapes" in content:
        return "labelme", read_labelme(file)
    if is_datumaro(content):
        return "datumaro", read_datumaro(file)
    if is_supervisely(content):
        return "supervisely", read_supervisely(file)
    if isinstance(content, dict) and ("annotations" in content or "categories" in content):
        return "coco", read_coco_json(file, crowds)
    tool = other_tool(content)
    what = f"JSON of {tool}, which is not read" if tool else f"JSON, but no file of {', '.join(LABEL_TOOLS)}"
    raise DataError(f"{str(file)!r} is {what}; export it in COCO's form, or as another of these tools'")


def _file(source: Path) -> Path:
    if not source.is_dir():
        return source
    usual = [
        source / cvat.CVAT_FILE,
        source / label_studio.LABEL_STUDIO_FILE,
        *sorted((source / "annotations").glob("instances_*.json")),
        source / _ROBOFLOW_FILE,
        *sorted(source.glob(f"*/{_ROBOFLOW_FILE}")),
    ]
    folder = source / labelme.LABELME_FOLDER
    there = [file for file in usual if file.is_file()]
    if not there and not folder.is_dir():
        there = _only_tool(source)
    if len(there) > 1:
        names = ", ".join(file.relative_to(source).as_posix() for file in there[:_SHOWN])
        raise DataError(f"{str(source)!r} holds {names}; name the one to read")
    return there[0] if there else folder if folder.is_dir() else source


def _only_tool(source: Path) -> list[Path]:
    """Returns the files of tools that write one for many images, unless there are some of LabelMe's as well."""
    files = sorted(path for path in source.rglob("*") if path.suffix.lower() in (".json", ".xml") and path.is_file())
    kinds = {file: annotation_kind(file) for file in files}
    if "labelme" in kinds.values():
        return []
    return [file for file, kind in kinds.items() if kind in ("coco", "cvat", "label-studio", "datumaro")]
