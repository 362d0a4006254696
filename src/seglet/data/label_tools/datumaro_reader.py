"""Reads Datumaro's own JSON: `annotations/SUBSET.json` with categories and items."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from seglet.data.errors import DataError
from seglet.data.label_tools.collecting import RegionCollector, box_corners
from seglet.data.label_tools.exchange import AnnotationEntry, Size, ToolAnnotations, settled_size
from seglet.data.label_tools.regions import AnnotatedImage, SparseForm, names_without_void
from seglet.data.layouts.fields import finite_number, image_path_below, record_list, stated_size, text_field
from seglet.data.layouts.rasterise import rasterise_segmentation
from seglet.files import read_json

_SPARSE: dict[str, SparseForm] = {"points": "points", "polyline": "line"}


def is_datumaro(content: object) -> bool:
    """Returns whether the content of a JSON file is a subset in Datumaro's form."""
    return isinstance(content, dict) and isinstance(content.get("items"), list) and "categories" in content


def read_datumaro(file: Path) -> ToolAnnotations:
    """Reads a subset; of overlapping shapes, the one of higher `z_order` counts, then the later.

    Raises:
        DataError: it has no list of labels.
    """
    content: Mapping[str, Any] = read_json(file)
    labels = content["categories"].get("label") if isinstance(content["categories"], dict) else None
    if not isinstance(labels, dict):
        raise DataError(f"{str(file)!r} has no list of labels (`categories.label.labels`); export it with its labels")
    names = [text_field(row, "name", "a label") for row in record_list(labels, "labels")]
    entries = tuple(_entry(row) for row in record_list(content, "items"))
    return ToolAnnotations(file, names_without_void(names), entries, partial(_decode, names))


def _entry(row: Mapping[str, Any]) -> AnnotationEntry:
    media = row.get("image") or row.get("media")
    path = media.get("path") if isinstance(media, dict) else None
    try:
        name = image_path_below(text_field(row, "id", "an item"))
        named = (image_path_below(str(path)),) if path else ()
    except DataError as error:
        return AnnotationEntry(str(row.get("id")), row, problem=str(error))
    return AnnotationEntry(named[0] if named else name, row, (name, *named))


def _decode(names: Sequence[str], entry: AnnotationEntry, size: Size | None) -> AnnotatedImage:
    media = entry.content.get("image") or entry.content.get("media") or {}
    sides = media.get("size") or (None, None)
    found = RegionCollector(settled_size(stated_size(*sides), size))
    rows = record_list(entry.content, "annotations")
    for row in sorted(rows, key=lambda one: finite_number(one.get("z_order") or 0, "`z_order`")):
        _add(row, names, found)
    return found.image(entry.file)


def _add(row: Mapping[str, Any], names: Sequence[str], found: RegionCollector) -> None:
    kind, label = text_field(row, "type", "an annotation"), row.get("label_id")
    if kind in ("label", "caption"):
        found.remarks[f"{kind} of the whole image"] += 1
        return
    if not isinstance(label, int) or not 0 <= label < len(names):
        found.passed_over[f"{kind} without a label"] += 1
    elif kind == "polygon":
        found.add_polygon(kind, names[label], _corners(row.get("points"), kind))
    elif kind == "mask":
        found.add(kind, names[label], rasterise_segmentation(row.get("rle"), found.size))
    elif kind == "bbox":
        ((left, top), (across, down)) = _corners(row.get("bbox"), kind).tolist()
        found.add_sparse(kind, "box", names[label], box_corners(left, top, left + across, top + down))
    elif kind in _SPARSE:
        found.add_sparse(kind, _SPARSE[kind], names[label], _corners(row.get("points"), kind))
    else:
        found.passed_over[kind] += 1


def _corners(numbers: object, kind: str) -> Float[np.ndarray, "n 2"]:
    if not isinstance(numbers, list) or len(numbers) % 2:
        raise DataError(f"the numbers of a {kind} are no list of x, y, x, y, …")
    return np.array([finite_number(one, f"a corner of a {kind}") for one in numbers], np.float64).reshape(-1, 2)
