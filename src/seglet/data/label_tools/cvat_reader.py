"""Reads CVAT for images 1.1, and the tracks of CVAT for video 1.1, whose frames are taken for images."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree
from xml.parsers import expat

import numpy as np
from jaxtyping import Float

from seglet.data.errors import DataError
from seglet.data.label_tools.collecting import RegionCollector, box_corners, ellipse_corners, turned
from seglet.data.label_tools.cvat import CVAT_CONFIDENCE
from seglet.data.label_tools.exchange import AnnotationEntry, Size, ToolAnnotations, settled_size
from seglet.data.label_tools.regions import AnnotatedImage, SparseForm, names_without_void
from seglet.data.label_tools.runs import from_cvat_runs
from seglet.data.layouts.fields import finite_number, image_path_below, number_field, stated_size, text_field
from seglet.files import read_bytes

_Element = ElementTree.Element
_TRACKED = " of a video track"
_SPARSE: dict[str, SparseForm] = {"points": "points", "polyline": "line"}
_GAP = "video track between two of its frames"
"""Kind of a shape that must be somewhere, as its track goes on later, but whose place the file does not tell."""
_FRAME = "frame_{:06d}"
"""CVAT's name of the image of a frame, without suffix."""


@dataclass(frozen=True)
class _Shape:
    """A shape, its label, and what to append to its kind in counts."""

    element: _Element
    label: str
    suffix: str = ""


@dataclass(frozen=True)
class _Content:
    """Shapes of one image, its size if it is stated, and kinds of shapes whose place is not known."""

    shapes: tuple[_Shape, ...]
    height: str | None
    width: str | None
    unknown: tuple[str, ...] = ()


def read_cvat(file: Path) -> ToolAnnotations:
    """Reads annotations.xml: polygons, boxes, ellipses and masks, turned or not, ordered by z_order.

    Raises:
        DataError: the file has another form.
    """
    root = _parse(read_bytes(file), file)
    entries = (*map(_image_entry, root.iter("image")), *_frame_entries(root))
    listed = [
        label.findtext("name", "")
        for labels in root.iter("labels")
        for label in labels.iter("label")
        if label.find("parent") is None  # points of a skeleton
    ]
    if not any(listed):
        listed = sorted({shape.label for entry in entries for shape in entry.content.shapes})
    return ToolAnnotations(file, names_without_void(name for name in listed if name), entries, _decode)


def _parse(content: bytes, file: Path) -> _Element:
    parser = expat.ParserCreate()
    builder = ElementTree.TreeBuilder()

    def refuse(*_: object) -> None:
        raise ValueError("it defines entities")

    parser.EntityDeclHandler = refuse
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(content, True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise DataError(f"{str(file)!r} cannot be read as XML ({error}); export it again") from error
    root = builder.close()
    if root.tag == "annotation":
        raise DataError(f"{str(file)!r} is XML as of VOC or LabelMe's old web tool, which holds boxes or outlines of "
                        "one image; expected CVAT for images, which begins <annotations>")  # fmt: skip
    if root.tag != "annotations":
        raise DataError(f"{str(file)!r} begins with <{root.tag}>; expected CVAT for images, which begins <annotations>")
    return root


def _image_entry(image: _Element) -> AnnotationEntry:
    shapes = tuple(_Shape(element, element.get("label", "")) for element in image)
    content = _Content(shapes, image.get("height"), image.get("width"))
    written = image.get("name", "")
    try:
        return AnnotationEntry(image_path_below(written), content)
    except DataError as error:
        return AnnotationEntry(written or f"image {image.get('id')}", content, problem=str(error))


def _frame_entries(root: _Element) -> Iterator[AnnotationEntry]:
    """Yields an entry for each frame of a video in which a track is listed, hidden or not."""
    frames: dict[int, list[_Shape]] = defaultdict(list)
    tracks = list(root.iter("track"))
    for track in tracks:
        for element in track:
            number = _frame(element)
            if number is not None:
                kept = element.get("outside") != "1"
                frames[number] += [_Shape(element, track.get("label", ""), _TRACKED)] if kept else []
    missing: dict[int, list[str]] = defaultdict(list)
    for track in tracks:
        for number in _gaps(track, frames):
            missing[number].append(_GAP)
    size = root.find(".//original_size")
    height, width = (None, None) if size is None else (size.findtext("height"), size.findtext("width"))
    for number in sorted(frames):
        content = _Content(tuple(frames[number]), height, width, tuple(missing[number]))
        note = f"it is frame {number} of a video track, called as CVAT calls the images of a video"
        yield AnnotationEntry(_FRAME.format(number), content, note=note)


def _gaps(track: _Element, frames: Iterable[int]) -> list[int]:
    """Returns the frames that lie between two of a track, the first of which is not hidden, and that it skips."""
    listed = {number: element.get("outside") == "1" for element in track if (number := _frame(element)) is not None}
    own = np.array(sorted(listed))
    between = []
    for number in frames:
        place = int(np.searchsorted(own, number))
        if number not in listed and 0 < place < len(own) and not listed[int(own[place - 1])]:
            between.append(number)
    return between


def _frame(element: _Element) -> int | None:
    text = element.get("frame", "")
    return int(text) if text.isdecimal() else None


def _decode(entry: AnnotationEntry, size: Size | None) -> AnnotatedImage:
    content: _Content = entry.content
    found = RegionCollector(settled_size(stated_size(content.height, content.width), size))
    found.passed_over.update(content.unknown)
    found.remarks.update({"frame of video tracks": 1} if entry.note else {})
    for shape in sorted(content.shapes, key=_order):
        _add(shape, found)
    return found.image(entry.file)


def _order(shape: _Shape) -> float:
    return finite_number(shape.element.get("z_order") or "0", f"`z_order` of a {shape.element.tag}")


def _add(shape: _Shape, found: RegionCollector) -> None:
    element, kind = shape.element, shape.element.tag
    if kind == "tag":
        found.remarks["tag of the whole image"] += 1
        return
    if kind in _SPARSE:
        points = _points(text_field(element.attrib, "points", f"the {kind}"))
        found.add_sparse(kind + shape.suffix, _SPARSE[kind], shape.label, points)
        return
    if kind not in ("polygon", "box", "ellipse", "mask"):
        found.passed_over[kind + shape.suffix] += 1
        return
    if not shape.label:
        raise DataError(f"the {kind} has no `label`")
    if kind == "mask":
        found.add(kind + shape.suffix, shape.label, from_cvat_runs(element.attrib, found.size), _confidence(element))
    elif kind == "box":
        found.add_box(kind + shape.suffix, shape.label, _corners(element), _confidence(element))
    else:
        found.add_polygon(kind + shape.suffix, shape.label, _corners(element), _confidence(element))


def _corners(element: _Element) -> Float[np.ndarray, "n 2"]:
    if element.tag == "polygon":
        return _points(text_field(element.attrib, "points", "the polygon"))
    degrees = finite_number(element.get("rotation") or "0", f"`rotation` of the {element.tag}")
    if element.tag == "ellipse":
        x, y, radius_x, radius_y = _numbers(element, ("cx", "cy", "rx", "ry"))
        return turned(ellipse_corners(x, y, radius_x, radius_y), degrees, (x, y))
    left, top, right, bottom = _numbers(element, ("xtl", "ytl", "xbr", "ybr"))
    return turned(box_corners(left, top, right, bottom), degrees, ((left + right) / 2, (top + bottom) / 2))


def _numbers(element: _Element, names: Sequence[str]) -> list[float]:
    return [number_field(element.attrib, name, f"the {element.tag}") for name in names]


def _points(text: str) -> Float[np.ndarray, "n 2"]:
    rows = [[finite_number(part, "a corner of a polygon") for part in point.split(",")] for point in text.split(";")]
    if any(len(row) != 2 for row in rows):
        raise DataError("`points` of a polygon is no list of x,y;x,y;…")
    return np.array(rows, np.float64)


def _confidence(element: _Element) -> float | None:
    texts = {attribute.get("name"): attribute.text for attribute in element.iter("attribute")}
    stated = texts.get(CVAT_CONFIDENCE)
    try:
        return float(stated) if stated else None
    except ValueError:  # an attribute of that name which means something else
        return None
