"""Reads Supervisely: a JSON file for each image, `DATASET/ann/IMAGE.json`, and the classes in meta.json above them."""

import base64
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from seglet.data.errors import DataError
from seglet.data.label_tools.collecting import RegionCollector, box_corners
from seglet.data.label_tools.exchange import AnnotationEntry, Size, ToolAnnotations, settled_size
from seglet.data.label_tools.regions import AnnotatedImage, SparseForm, names_without_void
from seglet.data.layouts.fields import finite_number, image_path_below, record_list, stated_size, text_field
from seglet.data.layouts.rasterise import rasterise_corners
from seglet.data.pixel_limit import current_pixel_limit
from seglet.files import read_json
from seglet.images import decode_mask

META_FILE = "meta.json"
_SPARSE: dict[str, SparseForm] = {"point": "points", "line": "line"}
_FIELDS = ("classTitle", "geometryType")
_LARGEST = 256
"""Times by which a packed bitmap may grow; those of masks grow about as much as PNG files do."""


def is_supervisely(content: object) -> bool:
    """Returns whether the content of a JSON file is the annotation of an image in Supervisely's form."""
    return isinstance(content, dict) and isinstance(content.get("objects"), list) and "size" in content


def read_supervisely(source: Path) -> ToolAnnotations:
    """Reads a file, or all files below a project's folder; later objects lie over earlier ones.

    Raises:
        DataError: there is no file of Supervisely's.
    """
    home = source if source.is_dir() else source.parent
    files = sorted(path for path in home.rglob("*.json") if path.is_file()) if source.is_dir() else [source]
    entries, labels = [], []
    for file in files:
        if file.name == META_FILE:
            continue
        content = read_json(file)
        if is_supervisely(content):
            entries.append(AnnotationEntry(_image(file, home), file, (PurePosixPath(file.stem).name,)))
            labels += [
                str(row["classTitle"]) for row in content["objects"] if isinstance(row, dict) and row.get("classTitle")
            ]
    if not entries:
        raise DataError(f"no file of Supervisely's in {str(source)!r}; expected JSON with `objects` and `size`")
    names = _class_names(home) or sorted(set(labels))
    return ToolAnnotations(source, names_without_void(names), tuple(entries), _decode)


def _image(file: Path, home: Path) -> str:
    """Returns the path of the image that a file is about: beside `ann` lies `img`, and `.json` is added to its name."""
    parts = file.relative_to(home).with_suffix("").parts
    return image_path_below("/".join(part for part in parts if part != "ann"))


def _class_names(home: Path) -> list[str]:
    """Returns the classes of meta.json, there or one or two folders above; empty if there is none."""
    for folder in (home, home.parent, home.parent.parent):
        if (folder / META_FILE).is_file():
            content = read_json(folder / META_FILE)
            rows = record_list(content, "classes") if isinstance(content, dict) else []
            return [text_field(row, "title", "a class") for row in rows]
    return []


def _decode(entry: AnnotationEntry, size: Size | None) -> AnnotatedImage:
    content = read_json(entry.content)
    sides = content["size"]
    found = RegionCollector(settled_size(stated_size(sides.get("height"), sides.get("width")), size))
    for row in record_list(content, "objects"):
        _add(row, found)
    found.remarks.update(f"tag {row.get('name')!r} of the image" for row in record_list(content, "tags"))
    return found.image(entry.file)


def _add(row: Mapping[str, Any], found: RegionCollector) -> None:
    name, kind = (text_field(row, field, "an object") for field in _FIELDS)
    if kind == "bitmap":
        found.add(kind, name, _bitmap(row.get("bitmap"), found.size))
        return
    points = row.get("points")
    if not isinstance(points, dict):
        found.passed_over[kind] += 1
        return
    outside = _corners(points.get("exterior"), kind)
    if kind == "polygon" and len(outside) >= 3:
        inside = rasterise_corners(outside, found.size)
        for hole in points.get("interior") or []:
            inside &= ~rasterise_corners(_corners(hole, kind), found.size)
        found.add(kind, name, inside)
    elif kind == "rectangle" and len(outside) == 2:
        found.add_box(kind, name, box_corners(*outside.min(axis=0), *outside.max(axis=0)))
    elif kind in _SPARSE:
        found.add_sparse(kind, _SPARSE[kind], name, outside)
    else:
        found.passed_over[kind] += 1


def _corners(points: object, kind: str) -> Float[np.ndarray, "n 2"]:
    if not isinstance(points, list) or not all(isinstance(point, list) and len(point) == 2 for point in points):
        raise DataError(f"the points of a {kind} are no list of x, y")
    rows = [[finite_number(side, f"a corner of a {kind}") for side in point] for point in points]
    return np.array(rows, np.float64).reshape(-1, 2)


def _bitmap(content: object, size: Size) -> Bool[np.ndarray, "h w"]:
    """Returns the pixels of a bitmap: a PNG, packed by zlib, in base 64, with the place of its upper left corner."""
    if not isinstance(content, dict):
        raise DataError("a bitmap has no `bitmap` with `data` and `origin`")
    try:
        packed = base64.b64decode(str(content.get("data")), validate=True)
        unpacking = zlib.decompressobj()
        picture = unpacking.decompress(packed, _LARGEST * len(packed) + 4096)
    except (ValueError, zlib.error) as error:
        raise DataError("a bitmap is no packed PNG in base 64; export it again") from error
    drawn = decode_mask(picture, Path("a bitmap"), current_pixel_limit().pixels) > 0
    ((left, top),) = _corners([content.get("origin")], "bitmap").astype(int).tolist()
    inside = np.zeros(size, np.bool_)
    if min(left, top) < 0 or inside[top : top + drawn.shape[0], left : left + drawn.shape[1]].shape != drawn.shape:
        raise DataError(f"a bitmap of {drawn.shape} at {left}, {top} leaves the image of {size}")
    inside[top : top + drawn.shape[0], left : left + drawn.shape[1]] = drawn
    return inside
