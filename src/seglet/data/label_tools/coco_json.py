"""Writes COCO instances: annotations/instances_SPLIT.json, with polygons or run lengths.

Void is a category of its own, marked as a crowd, which this and other packages read as void. `score` is the confidence,
as in COCO's result files.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from seglet.data.label_tools.outline import mask_outlines
from seglet.data.label_tools.regions import VOID_NAME, AnnotatedImage, NamedRegion, RegionForm
from seglet.data.label_tools.runs import coco_runs
from seglet.files import write_json
from seglet.types import IGNORE, Classes

_FILE = "annotations/instances_{split}.json"


def write_coco_json(
    out: Path, sources: Iterable[AnnotatedImage], classes: Classes, form: RegionForm, split: str = "all"
) -> Path:
    """Writes an instances file below `out` and returns its path."""
    ids = {name: label + 1 for label, name in enumerate(classes.names) if label != classes.background} | {
        VOID_NAME: IGNORE
    }
    if classes.background == 0:
        ids = {name: label - (label != IGNORE) for name, label in ids.items()}
    images: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    for number, one in enumerate(sources, start=1):
        images.append({"id": number, "file_name": one.file, "height": one.size[0], "width": one.size[1]})
        for each in one.regions:
            rows.append(_row(each, len(rows) + 1, number, ids[each.name], form))
    categories = [{"id": number, "name": name, "supercategory": ""} for name, number in ids.items()]
    file = out / _FILE.format(split=split)
    write_json(file, {"images": images, "annotations": rows, "categories": categories})
    return file


def _row(each: NamedRegion, number: int, image: int, category: int, form: RegionForm) -> dict[str, Any]:
    rows, columns = np.flatnonzero(each.inside.any(axis=1)), np.flatnonzero(each.inside.any(axis=0))
    left, top = int(columns[0]), int(rows[0])
    shape: object = coco_runs(each.inside)
    if form == "polygons":
        shape = [polygon.ravel().tolist() for polygon in mask_outlines(each.inside)]
    return {
        "id": number,
        "image_id": image,
        "category_id": category,
        "segmentation": shape,
        "area": int(each.inside.sum()),
        "bbox": [left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top],
        "iscrowd": int(each.name == VOID_NAME),
        **({} if each.confidence is None else {"score": each.confidence}),
    }
