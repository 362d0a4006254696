"""Label Studio: tasks.json, with brush masks or polygons, and config.xml, which sets up its labelling page.

Labels from a network are predictions there, for people to accept or correct; labels from people are annotations. The
score of a task is that of its least confident region, so that tasks can be sorted by it.
"""

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import quoteattr

import numpy as np

from seglet._version import __version__
from seglet.data.errors import DataError
from seglet.data.label_tools.exchange import (
    FORMAT_ERRORS,
    ToolAnnotations,
    checked_size,
    safe_image_path,
    unique_images,
)
from seglet.data.label_tools.outline import mask_outlines
from seglet.data.label_tools.regions import VOID_NAME, AnnotatedImage, NamedRegion, RegionForm, region_names
from seglet.data.label_tools.runs import brush_runs, from_brush_runs
from seglet.data.layouts.rasterise import rasterise_segmentation
from seglet.files import read_json, write_json, write_text
from seglet.types import Classes

LABEL_STUDIO_FILE = "tasks.json"
_CONFIG_FILE = "config.xml"
LOCAL_FILES_PREFIX = "/data/local-files/?d=images/"
"""URL prefix under which Label Studio's local storage serves a file; the name of the image is appended."""
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
    data = {"image": f"{prefix}{one.file}"}
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
    name = hashlib.sha256(one.file.encode()).hexdigest()[:8]
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


def read_label_studio(file: Path) -> ToolAnnotations:
    """Reads the last annotation of each task that was not cancelled, else its last prediction; later regions on top.

    Raises:
        DataError: the file is no export of Label Studio.
    """
    tasks = read_json(file)
    try:
        entries = unique_images(((_name(str(task["data"][_key(task)])), task) for task in tasks), file)
    except DataError:
        raise
    except FORMAT_ERRORS as error:
        raise DataError(
            f"{str(file)!r} cannot be used ({error!r}); expected Label Studio's JSON, not JSON-MIN"
        ) from error
    found = ToolAnnotations(file, (), entries, _decode)
    return ToolAnnotations(file, region_names(found.images()), entries, _decode)


def _key(task: dict[str, Any]) -> str:
    """Returns the field of the task's data that names the image: `image`, or else the first."""
    return "image" if "image" in task["data"] else next(iter(task["data"]))


def _name(address: str) -> str:
    """Returns the file behind an address: below images/ for local storage, without the random prefix for uploads."""
    parts = urlsplit(address)
    path = parse_qs(parts.query)["d"][0] if "d=" in parts.query else unquote(parts.path)
    if "/upload/" in path or parts.scheme in ("http", "https", "s3", "gs", "azure-blob"):
        return safe_image_path(re.sub(r"^[0-9a-f]{8}-", "", PurePosixPath(path).name))
    return safe_image_path(f"/{path}".partition("/images/")[2] or path)


def _decode(name: str, entry: object) -> AnnotatedImage:
    assert isinstance(entry, dict)
    done = [one for one in entry.get("annotations") or [] if not one.get("was_cancelled")]
    given = done or entry.get("predictions") or []
    rows = [row for row in given[-1]["result"] if "original_width" in row] if given else []
    if not rows:
        raise DataError("the task has no region, and so no size; leave it out of the export")
    size = checked_size(rows[0]["original_height"], rows[0]["original_width"])
    return AnnotatedImage(name, size, tuple(_region(row, size) for row in rows if _covers(row)))


def _covers(row: dict[str, Any]) -> bool:
    return row.get("type") in ("brushlabels", "polygonlabels", "rectanglelabels")


def _region(row: dict[str, Any], size: tuple[int, int]) -> NamedRegion:
    value, kind = row["value"], row["type"]
    if value.get("rotation") or row.get("image_rotation"):
        raise DataError("a region or its image is turned; turn it back in the tool")
    name, score = str(value[kind][0]), row.get("score")
    confidence = None if score is None else float(score)
    if kind == "brushlabels":
        return NamedRegion(name, from_brush_runs(value["rle"], size), confidence)
    if kind == "rectanglelabels":
        left, top, right, bottom = _box(value)
        points = np.array([(left, top), (right, top), (right, bottom), (left, bottom)])
    else:
        points = np.asarray(value["points"], np.float64)
    corners = points * [size[1] / 100, size[0] / 100]
    return NamedRegion(name, rasterise_segmentation([corners.ravel().tolist()], size), confidence)


def _box(value: dict[str, Any]) -> tuple[float, float, float, float]:
    left, top = float(value["x"]), float(value["y"])
    return left, top, left + float(value["width"]), top + float(value["height"])
