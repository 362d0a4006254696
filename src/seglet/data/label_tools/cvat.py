"""Writes CVAT for images 1.1: annotations.xml, with polygons or masks; the confidence is an attribute of each shape."""

from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree

from seglet.data.errors import DataError
from seglet.data.label_tools.outline import mask_outlines
from seglet.data.label_tools.regions import VOID_NAME, AnnotatedImage, NamedRegion, RegionForm
from seglet.data.label_tools.runs import cvat_runs
from seglet.files import write_atomically
from seglet.types import Classes

CVAT_FILE = "annotations.xml"
CVAT_CONFIDENCE = "confidence"
"""Name of the attribute of a shape that holds its confidence."""
_Element = ElementTree.Element


def write_cvat(out: Path, images: Iterable[AnnotatedImage], classes: Classes, form: RegionForm) -> Path:
    """Writes annotations.xml below `out` and returns its path."""
    root = _Element("annotations")
    _add(root, "version", "1.1")
    task = _add(_add(root, "meta"), "task")
    _add(task, "mode", "annotation")
    labels = _add(task, "labels")
    shades = dict(zip(classes.names, classes.colours, strict=True)) | {VOID_NAME: (255, 255, 255)}
    for name, (red, green, blue) in shades.items():
        label = _add(labels, "label")
        _add(label, "name", name)
        _add(label, "color", f"#{red:02x}{green:02x}{blue:02x}")
        _confidence_of(label)
    for number, one in enumerate(images):
        image = _add(root, "image")
        about = {"id": number, "name": one.file, "width": one.size[1], "height": one.size[0]}
        image.attrib.update({name: xml_text(str(value)) for name, value in about.items()})
        for order, each in enumerate(one.regions):
            _add_region(image, each, order, form)
    file = out / CVAT_FILE
    ElementTree.indent(root)
    write_atomically(file, ElementTree.tostring(root, "utf-8", xml_declaration=True))
    return file


def _add(parent: _Element, tag: str, text: str = "") -> _Element:
    child = ElementTree.SubElement(parent, tag)
    if text:
        child.text = xml_text(text)
    return child


def xml_text(text: str) -> str:
    """Returns the text unchanged.

    Raises:
        DataError: it has characters that XML does not allow.
    """
    if not all(sign in "\t\n\r" or (sign >= " " and not "\ud800" <= sign <= "\udfff") for sign in text):
        raise DataError(f"{text!r} has characters that XML does not allow; rename it")
    return text


def _confidence_of(label: _Element) -> None:
    attribute = _add(_add(label, "attributes"), "attribute")
    for tag, text in (("name", CVAT_CONFIDENCE), ("mutable", "False"), ("input_type", "text"), ("default_value", "")):
        _add(attribute, tag, text)
    _add(attribute, "values")


def _add_region(image: _Element, each: NamedRegion, order: int, form: RegionForm) -> None:
    common = {"label": xml_text(each.name), "source": "auto", "occluded": "0", "z_order": str(order)}
    shapes: list[_Element] = []
    if form == "polygons":
        for polygon in mask_outlines(each.inside):
            points = ";".join(f"{x:.2f},{y:.2f}" for x, y in polygon)
            shapes.append(ElementTree.SubElement(image, "polygon", {**common, "points": points}))
    else:
        shapes.append(ElementTree.SubElement(image, "mask", {**common, **cvat_runs(each.inside)}))
    for shape in shapes:
        if each.confidence is not None:
            _add(shape, "attribute", f"{each.confidence:g}").set("name", CVAT_CONFIDENCE)
