"""Reads LabelMe, and X-AnyLabeling, which writes more shapes in the same form: a JSON file for each image."""

import base64
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from seglet.data.errors import DataError
from seglet.data.files import image_name
from seglet.data.label_tools.collecting import RegionCollector, box_corners, ellipse_corners
from seglet.data.label_tools.exchange import AnnotationEntry, Size, ToolAnnotations, settled_size
from seglet.data.label_tools.regions import AnnotatedImage, SparseForm, names_without_void
from seglet.data.layouts.fields import finite_number, image_path_below, record_list, stated_size, text_field
from seglet.data.pixel_limit import allowed_size, current_pixel_limit
from seglet.files import read_json
from seglet.images import DECODING_ERRORS, decode_mask, open_content

_CLOSED = ("polygon", "rectangle", "circle", "mask", "rotation", "quadrilateral", "oriented_rectangle")
"""Shapes that cover pixels; the last three are polygons of four corners."""
_BOXES = ("rectangle", "rotation", "oriented_rectangle")
_SPARSE: dict[str, SparseForm] = {"point": "points", "points": "points", "line": "line", "linestrip": "line"}
_OTHER_JSON = "JSON file of another form"


def read_labelme(source: Path) -> ToolAnnotations:
    """Reads a file, or all files below a folder; later shapes lie over earlier ones.

    Raises:
        DataError: there is no file of LabelMe.
    """
    home = source if source.is_dir() else source.parent
    files = sorted(path for path in source.rglob("*.json") if path.is_file()) if source.is_dir() else [source]
    entries: list[AnnotationEntry] = []
    names: set[str] = set()
    passed_over: Counter[str] = Counter()
    for file in files:
        try:
            content = read_json(file)
        except ValueError as error:
            entries.append(AnnotationEntry(image_name(file, home), problem=str(error)))
            continue
        if isinstance(content, dict) and "shapes" in content:
            entries.append(_entry(content, file, home))
            names.update(_labels(content["shapes"]))
        else:
            passed_over[_OTHER_JSON] += 1
    if not any(entry.content is not None for entry in entries):
        problems = "".join(f"; {entry.file}: {entry.problem}" for entry in entries[:3])
        raise DataError(f"no file of LabelMe's in {str(source)!r}; expected JSON with `shapes`{problems}")
    return ToolAnnotations(source, names_without_void(sorted(names)), tuple(entries), _decode, dict(passed_over))


def _entry(content: Mapping[str, Any], file: Path, home: Path) -> AnnotationEntry:
    """Returns the entry of a file: `imagePath` says which image it is, else the name of the file itself."""
    own = image_name(file, home)
    written = str(content.get("imagePath") or "")
    try:
        path = image_path_below(written) if written else own
    except DataError as error:
        return AnnotationEntry(own, file, problem=str(error))
    image = PurePosixPath(path)
    renamed = f"{own}{image.suffix}"
    named = (PurePosixPath(own).parent / image.name).as_posix()
    return AnnotationEntry(named, file, tuple(dict.fromkeys((path, renamed))))


def _labels(shapes: object) -> list[str]:
    rows = [shape for shape in shapes if isinstance(shape, dict)] if isinstance(shapes, list) else []
    return [str(row["label"]) for row in rows if row.get("label") not in (None, "")]


def _decode(entry: AnnotationEntry, size: Size | None) -> AnnotatedImage:
    content = read_json(entry.content)  # again, as files may hold whole images
    stated = stated_size(content.get("imageHeight"), content.get("imageWidth"))
    found = RegionCollector(settled_size(stated, size or _enclosed_size(content.get("imageData"))))
    for shape in record_list(content, "shapes"):
        _add(shape, found)
    found.remarks.update(f"flag {name!r} of the image" for name, chosen in _flags(content) if chosen)
    return found.image(entry.file)


def _flags(content: Mapping[str, Any]) -> list[tuple[str, Any]]:
    flags = content.get("flags")
    return list(flags.items()) if isinstance(flags, dict) else []


def _enclosed_size(data: object) -> Size | None:
    """Returns the size of the image inside a file, None if there is none."""
    if not isinstance(data, str) or not data:
        return None
    try:
        with open_content(base64.b64decode(data)) as image:
            height, width = image.height, image.width
    except DECODING_ERRORS:
        return None
    return allowed_size(height, width)


def _add(shape: Mapping[str, Any], found: RegionCollector) -> None:
    kind = str(shape.get("shape_type") or "polygon")
    if kind in _SPARSE:
        points = _points(shape.get("points"), kind)
        found.add_sparse(kind, _SPARSE[kind], str(shape.get("label") or ""), points)
        return
    if kind not in _CLOSED:
        found.passed_over[kind] += 1
        return
    name = text_field(shape, "label", f"a {kind}")
    points = _points(shape.get("points"), kind)
    stated = re.search(r"confidence ([\d.]+)", str(shape.get("description") or ""))
    confidence = finite_number(stated[1].rstrip("."), "a confidence") if stated else None
    if kind == "mask" and shape.get("mask"):
        found.add(kind, name, _mask(str(shape["mask"]), points, found.size), confidence)
    elif kind == "mask":
        found.passed_over["mask without pixels"] += 1
    elif kind in _BOXES:
        found.add_box(kind, name, _corners(points, kind), confidence)
    else:
        found.add_polygon(kind, name, _corners(points, kind), confidence)


def _points(points: object, kind: str) -> Float[np.ndarray, "n 2"]:
    if not isinstance(points, list) or not all(isinstance(point, list) and len(point) == 2 for point in points):
        raise DataError(f"`points` of a {kind} is no list of points x, y")
    rows = [[finite_number(side, f"a corner of a {kind}") for side in point] for point in points]
    return np.array(rows, np.float64).reshape(-1, 2)


def _corners(points: Float[np.ndarray, "given 2"], kind: str) -> Float[np.ndarray, "n 2"]:
    """Returns the corners of a shape: a rectangle has two opposite corners or all four, a circle centre and rim."""
    if kind == "circle" and len(points) == 2:
        radius = float(np.hypot(*(points[1] - points[0])))
        return ellipse_corners(float(points[0, 0]), float(points[0, 1]), radius, radius)
    if kind == "rectangle" and len(points) == 2:
        return box_corners(*points[0], *points[1])
    return np.empty((0, 2)) if kind == "circle" else points


def _mask(text: str, points: Float[np.ndarray, "n 2"], size: Size) -> Bool[np.ndarray, "h w"]:
    try:
        content = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise DataError("a mask is no base 64; export it again") from error
    small = decode_mask(content, Path("a mask"), current_pixel_limit().pixels)
    if len(points) != 2:
        raise DataError(f"a mask has {len(points)} corners; two were expected")
    (left, top), (right, bottom) = points.round().astype(int).tolist()
    if small.shape != (bottom - top + 1, right - left + 1):
        raise DataError(f"a mask of {small.shape} does not fit its box {points.tolist()}")
    inside = np.zeros(size, np.bool_)
    if min(left, top) < 0 or inside[top : bottom + 1, left : right + 1].shape != small.shape:
        raise DataError(f"a mask leaves the image of {size}")
    inside[top : bottom + 1, left : right + 1] = small > 0
    return inside
