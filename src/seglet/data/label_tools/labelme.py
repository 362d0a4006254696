"""LabelMe: a JSON file for each image, with polygons, or masks as small images.

The confidence of a shape is written into its description, as LabelMe has no field for it.
"""

import base64
import io
import os
import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from jaxtyping import Bool
from PIL import Image

from seglet.data.errors import DataError
from seglet.data.files import image_name
from seglet.data.label_tools.exchange import ToolAnnotations, checked_size, unique_images
from seglet.data.label_tools.outline import mask_outlines
from seglet.data.label_tools.regions import AnnotatedImage, NamedRegion, RegionForm, region_names
from seglet.data.layouts.rasterise import rasterise_segmentation
from seglet.files import read_json, write_json
from seglet.images import decode_mask

LABELME_FOLDER = "labelme"
_VERSION = "5.4.1"
_LINE_SHAPES = ("point", "points", "line", "linestrip")
"""Shapes that cover no pixel."""


def write_labelme(out: Path, images: Iterable[AnnotatedImage], form: RegionForm) -> Path:
    """Writes `out`/labelme/NAME.json for each image `out`/images/NAME, and returns the folder."""
    for one in images:
        file = out / LABELME_FOLDER / PurePosixPath(one.file).with_suffix(".json")
        content: dict[str, Any] = {
            "version": _VERSION,
            "flags": {},
            "shapes": [shape for each in one.regions for shape in _shapes(each, form)],
            "imagePath": Path(os.path.relpath(out / "images" / one.file, file.parent)).as_posix(),
            "imageData": None,
            "imageHeight": one.size[0],
            "imageWidth": one.size[1],
        }
        write_json(file, content)
    return out / LABELME_FOLDER


def _shapes(each: NamedRegion, form: RegionForm) -> list[dict[str, Any]]:
    description = "" if each.confidence is None else f"confidence {each.confidence:g}"
    common: dict[str, Any] = {"label": each.name, "group_id": None, "description": description, "flags": {}}
    if form == "polygons":
        polygons = (polygon.astype(float).tolist() for polygon in mask_outlines(each.inside))
        return [{**common, "shape_type": "polygon", "points": points, "mask": None} for points in polygons]
    rows, columns = np.flatnonzero(each.inside.any(axis=1)), np.flatnonzero(each.inside.any(axis=0))
    top, left, bottom, right = int(rows[0]), int(columns[0]), int(rows[-1]), int(columns[-1])
    buffer = io.BytesIO()
    Image.fromarray(each.inside[top : bottom + 1, left : right + 1]).save(buffer, "PNG")
    mask = base64.b64encode(buffer.getvalue()).decode("ascii")
    return [{**common, "shape_type": "mask", "points": [[left, top], [right, bottom]], "mask": mask}]


def read_labelme(source: Path) -> ToolAnnotations:
    """Reads a file, or all files below a folder; later shapes lie over earlier ones.

    Raises:
        DataError: there is no file of LabelMe, or one has another form.
    """
    home = source if source.is_dir() else source.parent
    files = sorted(source.rglob("*.json")) if source.is_dir() else [source]
    found = [(_image(file, home), file) for file in files if _is_labelme(file)]
    if not found:
        raise DataError(f"no file of LabelMe's in {str(source)!r}; expected JSON with `shapes` and `imagePath`")
    plain = ToolAnnotations(source, (), unique_images(found, source), _decode)
    return ToolAnnotations(source, region_names(plain.images()), plain.entries, _decode)


def _is_labelme(file: Path) -> bool:
    content = read_json(file)
    return isinstance(content, dict) and "shapes" in content and "imagePath" in content


def _image(file: Path, home: Path) -> str:
    suffix = PurePosixPath(str(read_json(file)["imagePath"]).replace("\\", "/")).suffix
    return f"{image_name(file, home)}{suffix}"


def _decode(name: str, entry: object) -> AnnotatedImage:
    content = read_json(Path(str(entry)))
    size = checked_size(content["imageHeight"], content["imageWidth"])
    shapes = [shape for shape in content["shapes"] if shape.get("shape_type") not in _LINE_SHAPES]
    return AnnotatedImage(name, size, tuple(_region(shape, size) for shape in shapes))


def _region(shape: dict[str, Any], size: tuple[int, int]) -> NamedRegion:
    kind = shape.get("shape_type", "polygon")
    points = np.asarray(shape["points"], np.float64).reshape(-1, 2)
    stated = re.search(r"confidence ([\d.]+)", str(shape.get("description") or ""))
    confidence = float(stated[1]) if stated else None
    if kind == "mask":
        return NamedRegion(str(shape["label"]), _mask(shape["mask"], points, size), confidence)
    if kind == "rectangle":
        (x0, y0), (x1, y1) = points
        points = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
    elif kind == "circle":
        centre, rim = points
        angles = np.linspace(0, 2 * np.pi, 180, endpoint=False)
        points = centre + np.hypot(*(rim - centre)) * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    elif kind != "polygon":
        raise ValueError(f"a shape is a {kind!r}; polygons, masks, rectangles and circles are understood")
    return NamedRegion(str(shape["label"]), rasterise_segmentation([points.ravel().tolist()], size), confidence)


def _mask(text: str, points: np.ndarray, size: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    small = decode_mask(base64.b64decode(text, validate=True), Path("mask"))
    (left, top), (right, bottom) = points.round().astype(int).tolist()
    if small.shape != (bottom - top + 1, right - left + 1) or min(left, top) < 0:
        raise ValueError(f"a mask of {small.shape} does not fit its box {points.tolist()}")
    inside = np.zeros(size, np.bool_)
    if inside[top : bottom + 1, left : right + 1].shape != small.shape:
        raise ValueError(f"a mask leaves the image of {size}")
    inside[top : bottom + 1, left : right + 1] = small > 0
    return inside
