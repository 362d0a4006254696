"""COCO instances files, and the masks drawn from their objects."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, UInt8

from seglet.data.class_table import ClassTable, classes_of, is_background, is_void, numbered_table
from seglet.data.errors import DataError, Problem
from seglet.data.layouts.fields import image_path_below, record_list, stated_size, text_field, wording
from seglet.data.layouts.rasterise import rasterise_segmentation, without_outline
from seglet.files import content_hash, read_bytes
from seglet.images import write_mask
from seglet.types import IGNORE

_MAX_CATEGORIES = 254
_EXPECTED = "expected COCO instances: images, annotations and categories"
CocoAnnotation = dict[str, Any]
CocoId = int | str
"""Id of an image or category; ids are only compared, and a number is equal to its text."""


@dataclass(frozen=True)
class CocoImage:
    """An image listed in the file; `size` is (h, w), None if the file does not state it.

    `problem` is the reason for which the image cannot be used, empty if there is none.
    """

    number: CocoId
    file: str
    size: tuple[int, int] | None
    problem: str = ""


@dataclass(frozen=True)
class CocoInstances:
    """Content of the file: `labels` maps category ids to mask values, `objects` image ids to their annotations."""

    file: Path
    hash: str
    images: tuple[CocoImage, ...]
    names: tuple[str, ...]
    labels: dict[CocoId, int]
    objects: dict[CocoId, list[CocoAnnotation]]

    @property
    def unlisted(self) -> int:
        """Number of objects whose image is not listed."""
        known = {image.number for image in self.images}
        return sum(len(rows) for number, rows in self.objects.items() if number not in known)

    def label(self, row: CocoAnnotation) -> int:
        """Returns the mask value of an object, IGNORE for a crowd.

        Raises:
            DataError: it is of no category that the file lists.
        """
        number = coco_id(row.get("category_id"))
        if number not in self.labels:
            raise DataError(f"its category {row.get('category_id')!r} is not listed in `categories`")
        return IGNORE if row.get("iscrowd") else self.labels[number]

    @cached_property
    def entries(self) -> ClassTable:
        """Classes of the masks drawn here: background is 0, the others follow; categories of one name are one class."""
        return numbered_table(("background", *dict.fromkeys(name for name in self.names if not is_background(name))))

    def mask_value(self, label: int) -> int:
        """Returns the value in the masks drawn here of a label in `labels`, or of IGNORE."""
        if label == IGNORE or is_background(self.names[label - 1]):
            return label if label == IGNORE else 0
        return next(entry.id for entry in self.entries if entry.id and entry.name == self.names[label - 1])

    def only_crowds(self) -> dict[str, int]:
        """Returns the classes all of whose objects are crowds, which are void, with the number of objects of each."""
        crowds: Counter[CocoId] = Counter()
        others: set[CocoId] = set()
        for row in (row for rows in self.objects.values() for row in rows):
            number = coco_id(row.get("category_id"))
            if row.get("iscrowd"):
                crowds[number] += 1
            else:
                others.add(number)
        found = {self.names[self.labels[one] - 1]: crowds[one] for one in crowds if one in self.labels}
        mixed = {self.names[self.labels[one] - 1] for one in others if one in self.labels}
        return {name: count for name, count in found.items() if name not in mixed and not is_void(name)}


def read_instances(file: Path) -> CocoInstances:
    """Reads an instances file; categories are ordered by id.

    Raises:
        DataError: the file has another form, or has over 254 categories.
    """
    content = read_bytes(file)
    try:
        data = json.loads(content)
        if not isinstance(data, dict):
            raise DataError(f"it holds a {type(data).__name__}")
        categories = sorted(map(_category, record_list(data, "categories")), key=_order)
        found = tuple(_image(row) for row in record_list(data, "images"))
        objects: dict[CocoId, list[CocoAnnotation]] = defaultdict(list)
        for row in record_list(data, "annotations"):
            objects[coco_id(row.get("image_id"))].append(row)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{str(file)!r} cannot be used: {wording(error)}; {_EXPECTED}") from error
    if len(categories) > _MAX_CATEGORIES:
        raise DataError(f"{str(file)!r} has {len(categories)} categories; at most {_MAX_CATEGORIES} fit, merge some")
    for what, ids in (("categories", [one for one, _ in categories]), ("images", [image.number for image in found])):
        if twice := [one for one, count in Counter(ids).items() if count > 1]:
            raise DataError(f"{str(file)!r} has two {what} with the id {twice[0]!r}; give each an id of its own")
    labels = {number: place for place, (number, _) in enumerate(categories, start=1)}
    names = tuple(name for _, name in categories)
    return CocoInstances(file, content_hash(content), found, names, labels, dict(objects))


def coco_id(value: object) -> CocoId:
    """Returns an id in the form in which ids are compared: whole numbers as such, also from text, else the text."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    text = str(value).strip()
    return int(text) if text.isdecimal() and len(text) < 20 and text == str(int(text)) else text


def _category(row: Mapping[str, Any]) -> tuple[CocoId, str]:
    if "id" not in row:
        raise DataError("a category has no `id`")
    return coco_id(row["id"]), text_field(row, "name", "a category")


def _order(category: tuple[CocoId, str]) -> tuple[bool, int, str]:
    number = category[0]
    return (False, number, "") if isinstance(number, int) else (True, 0, number)


def _image(row: Mapping[str, Any]) -> CocoImage:
    if "id" not in row:
        raise DataError("an image has no `id`")
    number = coco_id(row["id"])
    written = str(row.get("file_name") or row.get("path") or "")
    if not written:
        return CocoImage(number, f"image {number}", None, "it has no `file_name`; add it, or export again")
    try:
        return CocoImage(number, image_path_below(written), stated_size(row.get("height"), row.get("width")))
    except DataError as error:
        return CocoImage(number, written, None, str(error))


def write_instance_mask(instances: CocoInstances, image: CocoImage, path: Path) -> list[Problem]:
    """Writes the mask of an image, or returns the problems if an object cannot be drawn."""
    mask, problems = rasterise_instances(instances, image)
    if not problems:
        write_mask(path, mask, classes_of(instances.entries))
    return problems


def rasterise_instances(instances: CocoInstances, image: CocoImage) -> tuple[UInt8[np.ndarray, "h w"], list[Problem]]:
    """Draws the mask of an image, whose size must be known; returns it with a problem for each object that fails."""
    if image.size is None:
        raise ValueError(f"the size of {image.file!r} is not known")
    mask = np.zeros(image.size, np.uint8)
    problems: list[Problem] = []
    drawn: list[tuple[bool, int, Bool[np.ndarray, "h w"]]] = []
    for row in instances.objects.get(image.number, []):
        if without_outline(row):
            continue
        try:
            label = instances.mask_value(instances.label(row))
            inside = rasterise_segmentation(row["segmentation"], image.size)
        except DataError as error:
            what = f"object {row.get('id')!r} cannot be drawn: {error}"
            problems.append(Problem(image.file, what, f"repair it in {instances.file.name}"))
            continue
        drawn.append((label != IGNORE, label, inside))
    for _, label, inside in sorted(drawn, key=lambda one: (one[0], -int(one[2].sum()))):
        mask[inside] = label
    return mask, problems


def undrawn_objects(instances: CocoInstances, image: CocoImage) -> list[Problem]:
    """Returns an error if an image has objects and none with an outline, or a warning if it has some of each."""
    rows = instances.objects.get(image.number, [])
    kinds = Counter(kind for row in rows if (kind := without_outline(row)))
    if not kinds:
        return []
    counts = ", ".join(f"{kind}: {count}" for kind, count in kinds.items())
    cure = "outline them with polygons or masks; a box does not tell which of its pixels belong to the object"
    some = kinds.total() < len(rows)
    what = f"{kinds.total()} of {len(rows)} objects cover no known pixels ({counts})"
    return [Problem(image.file, what, cure, "warning" if some else "error")]


def doubtful_objects(instances: CocoInstances) -> list[Problem]:
    """Returns a warning for classes whose objects are all crowds, and for objects whose image is not listed."""
    problems: list[Problem] = []
    name = instances.file.name
    if crowds := instances.only_crowds():
        counts = ", ".join(f"{name!r}: {count}" for name, count in crowds.items())
        what = f"all objects of some classes are crowds (iscrowd 1), which are void: no pixel is left of {counts}"
        cure = f"if they are ordinary objects, `seglet data import {instances.file} --crowds objects` reads them so"
        problems.append(Problem(name, what, cure, "warning"))
    alike = [f"{label!r} ({count})" for label, count in Counter(instances.names).items() if count > 1]
    if alike:
        what = f"several categories have one name and are read as one class: {', '.join(alike)}"
        problems.append(Problem(name, what, "correct if they mean the same; else rename them", "warning"))
    if instances.unlisted:
        what = f"{instances.unlisted} objects belong to images that `images` does not list"
        lost = instances.unlisted == sum(map(len, instances.objects.values()))
        cure = "give images and objects the same ids" if lost else "list the images, if they should be used"
        problems.append(Problem(name, what, cure, "error" if lost else "warning"))
    return problems
