"""Writes LabelMe: a JSON file for each image, with polygons, or masks as small images.

The confidence of a shape is written into its description, as LabelMe has no field for it.
"""

import base64
import io
import os
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import Image

from seglet.data.label_tools.outline import mask_outlines
from seglet.data.label_tools.regions import AnnotatedImage, NamedRegion, RegionForm
from seglet.files import write_json

LABELME_FOLDER = "labelme"
_VERSION = "5.4.1"


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
