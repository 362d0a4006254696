"""Reads COCO instances files for import; smaller objects lie over larger ones, and void below all."""

from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from seglet.data.class_table import is_void
from seglet.data.errors import DataError
from seglet.data.label_tools.collecting import RegionCollector, box_corners
from seglet.data.label_tools.exchange import AnnotationEntry, Size, ToolAnnotations, settled_size
from seglet.data.label_tools.regions import VOID_NAME, AnnotatedImage, names_without_void
from seglet.data.layouts.fields import finite_number
from seglet.data.layouts.instances import CocoImage, CocoInstances, read_instances
from seglet.data.layouts.rasterise import polygon_list, rasterise_segmentation, without_outline
from seglet.types import IGNORE

_VISIBLE = 2
"""COCO's mark of a keypoint that is seen; others are hidden behind something."""
CrowdReading = Literal["ask", "void", "objects"]
"""Crowds are void, as COCO defines them, or ordinary objects; `ask` is void, unless no other object is there."""


def read_coco_json(file: Path, crowds: CrowdReading = "ask") -> ToolAnnotations:
    """Reads an instances file.

    Raises:
        DataError: the file has another form, or all its objects are crowds and nobody said how to read them, or
            none of its objects belongs to an image.
    """
    instances = read_instances(file)
    rows = [row for rows in instances.objects.values() for row in rows]
    if rows and instances.unlisted == len(rows):
        raise DataError(
            f"none of the {len(rows)} objects in {str(file)!r} belongs to an image that `images` lists: `image_id` is "
            f"{rows[0].get('image_id')!r} there; give images and objects the same ids"
        )
    alike = instances.only_crowds()
    if crowds == "ask" and alike and sum(alike.values()) == len(rows):
        raise DataError(
            f"all {len(rows)} objects in {str(file)!r} are crowds (iscrowd 1), which are void, so that no class is "
            "left; read them as objects with --crowds objects, or say --crowds void"
        )
    entries = tuple(AnnotationEntry(image.file, image, problem=image.problem) for image in instances.images)
    unlisted = {"object of an image that is not listed": instances.unlisted} if instances.unlisted else {}
    decode = partial(_decode, instances, crowds)
    return ToolAnnotations(file, names_without_void(instances.names), entries, decode, unlisted)


def _decode(
    instances: CocoInstances, crowds: CrowdReading, entry: AnnotationEntry, known: Size | None
) -> AnnotatedImage:
    image: CocoImage = entry.content
    found = RegionCollector(settled_size(image.size, known))
    for row in instances.objects.get(image.number, []):
        try:
            _add(row, instances, crowds, found)
        except DataError as error:
            raise DataError(f"object {row.get('id')!r} cannot be drawn: {error}") from error
    found.regions.sort(key=lambda one: (not is_void(one.name), -int(one.inside.sum())))
    return found.image(entry.file)


def _add(row: dict[str, Any], instances: CocoInstances, crowds: CrowdReading, found: RegionCollector) -> None:
    if kind := without_outline(row):
        try:
            _add_sparse(kind, row, instances, found)
        except DataError:  # it covers no known pixel in any case
            found.passed_over[kind] += 1
        return
    crowd = bool(row.get("iscrowd")) and crowds != "objects"
    label = instances.label({**row, "iscrowd": crowd})
    name = VOID_NAME if label == IGNORE else instances.names[label - 1]
    if crowd and not is_void(instances.names[instances.label({**row, "iscrowd": 0}) - 1]):
        found.remarks["crowd, which is void (iscrowd 1)"] += 1
    score = row.get("score")
    confidence = None if score is None else finite_number(score, "`score`")
    found.add("object", name, rasterise_segmentation(row["segmentation"], found.size), confidence)


def _add_sparse(kind: str, row: dict[str, Any], instances: CocoInstances, found: RegionCollector) -> None:
    """Adds an object without an outline: its box, its visible keypoints, or a polygon of one or two corners."""
    name = instances.names[instances.label({**row, "iscrowd": 0}) - 1]
    if kind == "box without outline":
        left, top, across, down = _numbers(row["bbox"], 4)[0]
        found.add_sparse(kind, "box", name, box_corners(left, top, left + across, top + down))
    elif kind == "keypoints":
        points = _numbers(row["keypoints"], 3)
        found.add_sparse(kind, "points", name, points[points[:, 2] == _VISIBLE, :2])
    elif kind == "line or point":
        for polygon in polygon_list(row["segmentation"]):
            corners = _numbers(polygon, 2)
            found.add_sparse(kind, "points" if len(corners) == 1 else "line", name, corners)
    else:
        found.passed_over[kind] += 1


def _numbers(values: object, columns: int) -> Float[np.ndarray, "n c"]:
    """Returns a list of numbers as rows of so many.

    Raises:
        DataError: it is no such list.
    """
    if not isinstance(values, list) or len(values) % columns:
        raise DataError(f"{str(values)[:40]!r} is no list of {columns} numbers for each point or box")
    return np.array([finite_number(one, "a number of it") for one in values], np.float64).reshape(-1, columns)
