"""COCO instances files, and the masks drawn from their objects."""

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from jaxtyping import UInt8

from seglet.data.class_table import classes_of, numbered_table
from seglet.data.errors import DataError, Problem
from seglet.data.layouts.rasterise import rasterise_segmentation
from seglet.files import content_hash, read_bytes
from seglet.images import MAX_PIXELS, write_mask
from seglet.types import IGNORE

_MAX_CATEGORIES = 254
CocoAnnotation = dict[str, Any]


@dataclass(frozen=True)
class CocoImage:
    """An image listed in the file; `size` is (h, w)."""

    number: int
    file: str
    size: tuple[int, int]


@dataclass(frozen=True)
class CocoInstances:
    """Content of the file: `labels` maps category ids to mask values, `objects` image numbers to their annotations."""

    file: Path
    hash: str
    images: tuple[CocoImage, ...]
    names: tuple[str, ...]
    labels: dict[int, int]
    objects: dict[int, list[CocoAnnotation]]


def read_instances(file: Path) -> CocoInstances:
    """Reads an instances file; categories are ordered by id.

    Raises:
        DataError: the file has another form, names an image outside its folder, or has over 254 categories.
    """
    content = read_bytes(file)
    try:
        data = json.loads(content)
        categories = sorted((int(row["id"]), str(row["name"])) for row in data["categories"])
        found = tuple(_image(row) for row in data["images"])
        objects: dict[int, list[CocoAnnotation]] = defaultdict(list)
        for row in data["annotations"]:
            objects[int(row["image_id"])].append(row)
    except DataError as error:
        raise DataError(f"{str(file)!r}: {error}") from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError) as error:
        expected = "expected COCO instances: images, annotations and categories"
        raise DataError(f"{str(file)!r} cannot be used ({error!r}); {expected}") from error
    if len(categories) > _MAX_CATEGORIES:
        raise DataError(f"{str(file)!r} has {len(categories)} categories; at most {_MAX_CATEGORIES} fit, merge some")
    labels = {number: place for place, (number, _) in enumerate(categories, start=1)}
    return CocoInstances(
        file, content_hash(content), found, tuple(name for _, name in categories), labels, dict(objects)
    )


def _image(row: dict[str, Any]) -> CocoImage:
    name, size = str(row["file_name"]), (int(row["height"]), int(row["width"]))
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or "\0" in name:
        raise DataError(f"image {name!r} lies outside the data set; use a path below its folder")
    if min(size) < 1 or size[0] * size[1] > MAX_PIXELS:
        raise DataError(f"image {name!r} claims size {size}; at most {MAX_PIXELS} pixels are allowed")
    return CocoImage(int(row["id"]), path.as_posix(), size)


def write_instance_mask(instances: CocoInstances, image: CocoImage, path: Path) -> list[Problem]:
    """Writes the mask of an image, or returns the problems if an object cannot be drawn."""
    mask, problems = rasterise_instances(instances, image)
    if not problems:
        write_mask(path, mask, classes_of(numbered_table(("background", *instances.names))))
    return problems


def rasterise_instances(instances: CocoInstances, image: CocoImage) -> tuple[UInt8[np.ndarray, "h w"], list[Problem]]:
    """Draws the mask of an image; returns it with a problem for each object that cannot be drawn."""
    mask = np.zeros(image.size, np.uint8)
    problems: list[Problem] = []
    drawn: list[tuple[bool, int, np.ndarray]] = []
    for row in instances.objects.get(image.number, []):
        try:
            inside = rasterise_segmentation(row.get("segmentation"), image.size)
            label = IGNORE if row.get("iscrowd") else instances.labels[int(row["category_id"])]
        except (DataError, KeyError, ValueError, TypeError) as error:
            what = f"object {row.get('id')!r} cannot be drawn: {error}"
            problems.append(Problem(image.file, what, f"repair it in {instances.file.name}"))
            continue
        drawn.append((label != IGNORE, label, inside))
    for _, label, inside in sorted(drawn, key=lambda one: (one[0], -int(one[2].sum()))):
        mask[inside] = label
    return mask, problems
