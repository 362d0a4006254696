"""Writes for Label Studio: tasks.json, with brush masks or polygons, and config.xml, which sets up its labelling page.

Labels from a network are predictions there, for people to accept or correct; labels from people are annotations. The
score of a task is that of its least confident region, so that tasks can be sorted by it.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

import numpy as np

from seglet._version import __version__
from seglet.data.label_tools.outline import mask_outlines
from seglet.data.label_tools.regions import VOID_NAME, AnnotatedImage, NamedRegion, RegionForm
from seglet.data.label_tools.runs import brush_runs
from seglet.files import write_json, write_text
from seglet.types import Classes

LABEL_STUDIO_FILE = "tasks.json"
_CONFIG_FILE = "config.xml"
LOCAL_FILES_PREFIX = "/data/local-files/?d=images/"
"""URL prefix under which Label Studio's local storage serves a file; the quoted name of the image is appended."""
_KINDS = {"polygons": "polygonlabels", "masks": "brushlabels"}
_TAGS = {"polygons": "PolygonLabels", "masks": "BrushLabels"}


def write_label_studio(
    out: Path, images: Iterable[AnnotatedImage], classes: Classes, form: RegionForm, prefix: str = LOCAL_FILES_PREFIX
) -> Path:
    """Writes tasks.json and config.xml below `out` and returns the path of the tasks."""
    tasks = [_task(one, form, prefix) for one in images]
    write_json(out / LABEL_STUDIO_FILE, tasks)
    write_text(out / _CONFIG_FILE, _config(classes, form))
    return out / LABEL_STUDIO_FILE


def _task(one: AnnotatedImage, form: RegionForm, prefix: str) -> dict[str, Any]:
    results = [result for place, each in enumerate(one.regions) for result in _results(one, each, place, form)]
    data = {"image": prefix + quote(one.file, errors="surrogateescape")}
    if one.confidence is None:
        return {"data": data, "annotations": [{"result": results}]}
    prediction = {"model_version": f"seglet {__version__}", "score": one.confidence, "result": results}
    return {"data": data, "predictions": [prediction]}


def _results(one: AnnotatedImage, each: NamedRegion, place: int, form: RegionForm) -> list[dict[str, Any]]:
    height, width = one.size
    if form == "polygons":
        percent = np.array([100 / width, 100 / height])
        values = [{"points": (polygon * percent).tolist(), "closed": True} for polygon in mask_outlines(each.inside)]
    else:
        values = [{"format": "rle", "rle": brush_runs(each.inside)}]
    kind = _KINDS[form]
    common = {
        "type": kind, "from_name": "label", "to_name": "image", "image_rotation": 0,
        "original_width": width, "original_height": height,
        **({} if each.confidence is None else {"score": each.confidence}),
    }  # fmt: skip
    name = hashlib.sha256(one.file.encode(errors="surrogateescape")).hexdigest()[:8]
    return [
        {"id": f"{name}-{place}-{part}", **common, "value": {**value, kind: [each.name]}}
        for part, value in enumerate(values)
    ]


def _config(classes: Classes, form: RegionForm) -> str:
    shades = dict(zip(classes.names, classes.colours, strict=True)) | {VOID_NAME: (255, 255, 255)}
    labels = (
        f'    <Label value={quoteattr(name)} background="#{red:02x}{green:02x}{blue:02x}"/>'
        for name, (red, green, blue) in shades.items()
    )
    tag = _TAGS[form]
    image = '  <Image name="image" value="$image" zoom="true"/>'
    opening, closing = f'  <{tag} name="label" toName="image">', f"  </{tag}>"
    return "\n".join(["<View>", image, opening, *labels, closing, "</View>", ""])
