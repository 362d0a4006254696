"""Reads Label Studio's JSON: of each task the last annotation that was not cancelled, else the last prediction."""

import base64
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from seglet.data.errors import DataError
from seglet.data.label_tools.collecting import RegionCollector, box_corners, ellipse_corners, turned
from seglet.data.label_tools.exchange import AnnotationEntry, Size, ToolAnnotations, settled_size
from seglet.data.label_tools.image_address import image_names
from seglet.data.label_tools.regions import AnnotatedImage, names_without_void
from seglet.data.label_tools.runs import from_brush_runs
from seglet.data.layouts.fields import finite_number, number_field, record_list, stated_size
from seglet.files import read_json
from seglet.images import DECODING_ERRORS, open_content

_Row = dict[str, Any]
_DRAWN = ("brush", "bitmask", "polygon", "rectangle", "ellipse", "vector")
_ANSWERS = frozenset(
    {"choices", "textarea", "rating", "taxonomy", "number", "datetime", "pairwise", "ranker", "relation", "labels"}
)
"""Types of results that are no shapes."""
_CURVED = "vector with curves"
_NOT_THE_JSON = "expected Label Studio's export called JSON, a list of tasks with `data` and `annotations`"


def read_label_studio(file: Path) -> ToolAnnotations:
    """Reads tasks; later regions lie over earlier ones.

    Raises:
        DataError: the file is no export of Label Studio.
    """
    tasks = read_json(file)
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        raise DataError(f"{str(file)!r} is no list of tasks; {_NOT_THE_JSON}")
    if not tasks:
        raise DataError(f"{str(file)!r} holds no task; {_NOT_THE_JSON}")
    if not any(isinstance(task.get("data"), dict) for task in tasks):
        raise DataError(f"{str(file)!r} has no task with `data`, as in JSON-MIN; {_NOT_THE_JSON}")
    entries = tuple(_entry(task, place) for place, task in enumerate(tasks))
    names = {name for entry in entries for name in _entry_names(entry)}
    return ToolAnnotations(file, names_without_void(sorted(names)), entries, _decode)


def _entry(task: _Row, place: int) -> AnnotationEntry:
    known = f"task {task.get('id', place)}"
    try:
        name, *others = image_names(task)
        return AnnotationEntry(name, task, tuple(others), pending=_pending(task))
    except DataError as error:
        return AnnotationEntry(known, task, problem=str(error))


def _pending(task: _Row) -> str:
    """Returns the reason for which there is nothing to read, empty if there is something."""
    given = _annotations(task)
    if any(not one.get("was_cancelled") for one in given):
        return ""
    if given:
        return "it was skipped: all its annotations are cancelled"
    return "" if task.get("predictions") else "nobody has annotated it"


def _annotations(task: _Row) -> list[_Row]:
    """Returns all annotations of a task, under the name that old versions gave them too."""
    name = "annotations" if task.get("annotations") else "completions"
    return record_list(task, name) if task.get(name) else []


def _chosen(task: _Row) -> tuple[list[_Row], dict[str, int]]:
    """Returns the results of the annotation that counts, and remarks on the choice."""
    done = [one for one in _annotations(task) if not one.get("was_cancelled")]
    if done:
        remarks = {"other annotation of the same image": len(done) - 1} if len(done) > 1 else {}
        return _results(done[-1]), remarks
    return _results(record_list(task, "predictions")[-1]), {"image whose predictions nobody corrected": 1}


def _results(one: _Row) -> list[_Row]:
    return record_list(one, "result") if one.get("result") else []


def _entry_names(entry: AnnotationEntry) -> Iterable[str]:
    """Returns the labels of the shapes in an entry, if it can be read."""
    if entry.problem or entry.pending:
        return []
    try:
        rows, _ = _chosen(entry.content)
    except DataError:
        return []
    return [name for row in rows for name in _labels(row)]


def _labels(row: _Row) -> list[str]:
    value = row.get("value")
    lists = [given for key, given in value.items() if key.endswith("labels")] if isinstance(value, dict) else []
    return [str(name) for given in lists if isinstance(given, list) for name in given]


def _decode(entry: AnnotationEntry, size: Size | None) -> AnnotatedImage:
    rows, remarks = _chosen(entry.content)
    found = RegionCollector(settled_size(_stated(rows), size))
    found.remarks.update(remarks)
    for group in _by_region(rows):
        _add(group, found)
    return found.image(entry.file)


def _stated(rows: list[_Row]) -> Size | None:
    sized = (row for row in rows if row.get("original_width") and row.get("original_height"))
    first = next(sized, {})
    return stated_size(first.get("original_height"), first.get("original_width"))


def _by_region(rows: list[_Row]) -> list[list[_Row]]:
    """Returns the results of each region: a shape and its labels may be separate results with one id."""
    groups: dict[object, list[_Row]] = {}
    for place, row in enumerate(rows):
        groups.setdefault(row.get("id") or ("no id", place), []).append(row)
    return list(groups.values())


def _add(group: list[_Row], found: RegionCollector) -> None:
    row, kind = _shape(group)
    if row is None:
        found.remarks.update(str(one.get("type")) for one in group)
        return
    names = list(dict.fromkeys(name for one in group for name in _labels(one)))
    if kind not in _DRAWN and not (kind == "keypoint" and names):
        found.passed_over[kind] += 1
    elif row.get("item_index"):
        found.passed_over[f"{kind} on another page"] += 1
    elif not names:
        found.passed_over[f"{kind} without a label"] += 1
    else:
        found.remarks.update({"further label of a region, of which only the first counts": 1} if names[1:] else {})
        _draw(row, kind, names[0], found)


def _shape(group: list[_Row]) -> tuple[_Row | None, str]:
    """Returns the result that holds the shape and its kind, such as `polygon`; None if there is no shape."""
    for row in group:
        kind = str(row.get("type", ""))
        value = row.get("value")
        if not isinstance(value, dict):
            continue
        if kind not in _ANSWERS:
            return row, kind.removesuffix("labels")
        by_field = {
            "rle": "brush", "imageDataURL": "bitmask", "points": "polygon", "radiusX": "ellipse", "vertices": "vector",
            "height": "rectangle", "width": "keypoint",
        }  # fmt: skip
        if guessed := next((guess for name, guess in by_field.items() if name in value), ""):
            return row, guessed
    return None, ""


def _draw(row: _Row, kind: str, name: str, found: RegionCollector) -> None:
    value, score = row["value"], row.get("score")
    confidence = None if score is None else finite_number(score, f"`score` of a {kind}")
    if row.get("image_rotation"):
        raise DataError(f"it was turned by {row['image_rotation']} degrees in the tool; turn it back there")
    if kind == "keypoint":
        found.add_sparse(kind, "points", name, _keypoint(value, found.size))
    elif kind == "brush":
        found.add(kind, name, from_brush_runs(value.get("rle"), found.size), confidence)
    elif kind == "bitmask":
        found.add(kind, name, _bitmask(value.get("imageDataURL"), found.size), confidence)
    elif kind == "vector" and (doubt := _doubtful_vector(value)):
        corners = np.empty((0, 2)) if doubt == _CURVED else _corners(value, kind, found.size)
        found.add_sparse(doubt, "line", name, corners)
    elif kind == "rectangle":
        found.add_box(kind, name, _corners(value, kind, found.size), confidence)
    else:
        found.add_polygon(kind, name, _corners(value, kind, found.size), confidence)


def _corners(value: Mapping[str, Any], kind: str, size: Size) -> Float[np.ndarray, "n 2"]:
    """Returns the corners in pixels of a shape whose numbers are percents of the image's sides."""
    scale = np.array([size[1] / 100, size[0] / 100])
    if kind == "vector":
        rows = record_list(value, "vertices")
        corners = np.array([[number_field(row, side, "a vertex") for side in "xy"] for row in rows], np.float64)
        return np.asarray(corners.reshape(-1, 2) * scale)
    if kind == "polygon":
        return np.asarray(_points(value.get("points")) * scale)
    degrees = finite_number(value.get("rotation") or 0, f"`rotation` of a {kind}")
    sides = ("x", "y", "radiusX", "radiusY") if kind == "ellipse" else ("x", "y", "width", "height")
    x, y, across, down = np.array([number_field(value, side, f"a {kind}") for side in sides]) * [*scale, *scale]
    shape = ellipse_corners(x, y, across, down) if kind == "ellipse" else box_corners(x, y, x + across, y + down)
    return turned(shape, degrees, (x, y))  # an ellipse about its centre, a rectangle about its first corner


def _points(points: object) -> Float[np.ndarray, "n 2"]:
    if not isinstance(points, list) or not all(isinstance(point, list) and len(point) == 2 for point in points):
        raise DataError("`points` of a polygon is no list of points x, y")
    rows = [[finite_number(side, "a corner of a polygon") for side in point] for point in points]
    return np.array(rows, np.float64).reshape(-1, 2)


def _doubtful_vector(value: Mapping[str, Any]) -> str:
    """Returns the kind of a vector that encloses no known area, else nothing."""
    if any(vertex.get("isBezier") for vertex in record_list(value, "vertices")):
        return _CURVED
    return "" if value.get("closed") else "vector that is not closed"


def _keypoint(value: Mapping[str, Any], size: Size) -> Float[np.ndarray, "1 2"]:
    percents = [number_field(value, side, "a keypoint") for side in "xy"]
    return np.array([[percents[0] * size[1] / 100, percents[1] * size[0] / 100]])


def _bitmask(address: object, size: Size) -> Bool[np.ndarray, "h w"]:
    """Returns the mask in a data URL, an image that is opaque inside or, if it is opaque all over, not black."""
    if not isinstance(address, str) or not address.startswith("data:image/png") or "base64," not in address:
        raise DataError("a bitmask has no `imageDataURL` of a PNG")
    try:
        content = base64.b64decode(address.partition("base64,")[2], validate=True)
        with open_content(content) as image:
            if (image.height, image.width) != size:
                raise DataError(f"a bitmask is {(image.height, image.width)}, its image {size} (h, w)")
            values = np.array(image.convert("RGBA"))
    except DataError:
        raise
    except DECODING_ERRORS as error:
        raise DataError("`imageDataURL` of a bitmask is damaged; export it again") from error
    opacity = values[..., 3]
    return np.asarray(opacity >= 128 if (opacity < 255).any() else (values[..., :3] > 0).any(axis=-1))
