"""CVAT for images 1.1: annotations.xml, with polygons or masks; the confidence is an attribute of each shape."""

from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree
from xml.parsers import expat

from seglet.data.errors import DataError
from seglet.data.label_tools.exchange import ToolAnnotations, checked_size, safe_image_path, unique_images
from seglet.data.label_tools.outline import mask_outlines
from seglet.data.label_tools.regions import (
    VOID_NAME,
    AnnotatedImage,
    NamedRegion,
    RegionForm,
    names_without_void,
    region_names,
)
from seglet.data.label_tools.runs import cvat_runs, from_cvat_runs
from seglet.data.layouts.rasterise import rasterise_segmentation
from seglet.files import read_bytes, write_atomically
from seglet.types import Classes

CVAT_FILE = "annotations.xml"
_CONFIDENCE = "confidence"
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
        image.attrib.update({name: _xml_text(str(value)) for name, value in about.items()})
        for order, each in enumerate(one.regions):
            _add_region(image, each, order, form)
    file = out / CVAT_FILE
    ElementTree.indent(root)
    write_atomically(file, ElementTree.tostring(root, "utf-8", xml_declaration=True))
    return file


def _add(parent: _Element, tag: str, text: str = "") -> _Element:
    child = ElementTree.SubElement(parent, tag)
    if text:
        child.text = _xml_text(text)
    return child


def _xml_text(text: str) -> str:
    """Returns the text unchanged.

    Raises:
        DataError: it has characters that XML does not allow.
    """
    if not all(sign in "\t\n\r" or (sign >= " " and not "\ud800" <= sign <= "\udfff") for sign in text):
        raise DataError(f"{text!r} has characters that XML does not allow; rename it")
    return text


def _confidence_of(label: _Element) -> None:
    attribute = _add(_add(label, "attributes"), "attribute")
    for tag, text in (("name", _CONFIDENCE), ("mutable", "False"), ("input_type", "text"), ("default_value", "")):
        _add(attribute, tag, text)
    _add(attribute, "values")


def _add_region(image: _Element, each: NamedRegion, order: int, form: RegionForm) -> None:
    common = {"label": _xml_text(each.name), "source": "auto", "occluded": "0", "z_order": str(order)}
    shapes: list[_Element] = []
    if form == "polygons":
        for polygon in mask_outlines(each.inside):
            points = ";".join(f"{x:.2f},{y:.2f}" for x, y in polygon)
            shapes.append(ElementTree.SubElement(image, "polygon", {**common, "points": points}))
    else:
        shapes.append(ElementTree.SubElement(image, "mask", {**common, **cvat_runs(each.inside)}))
    for shape in shapes:
        if each.confidence is not None:
            _add(shape, "attribute", f"{each.confidence:g}").set("name", _CONFIDENCE)


def read_cvat(file: Path) -> ToolAnnotations:
    """Reads annotations.xml: polygons, boxes and masks, ordered by z_order; lines and points are skipped.

    Raises:
        DataError: the file has another form.
    """
    root = _parse(read_bytes(file), file)
    images = unique_images(((safe_image_path(image.get("name", "")), image) for image in root.iter("image")), file)
    listed = [label.findtext("name", "") for labels in root.iter("labels") for label in labels.iter("label")]
    found = ToolAnnotations(file, names_without_void([name for name in listed if name]), images, _decode)
    return found if found.names else ToolAnnotations(file, region_names(found.images()), images, _decode)


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
    except (expat.ExpatError, ValueError) as error:
        raise DataError(f"{str(file)!r} cannot be read as XML ({error}); export it again") from error
    root = builder.close()
    if root.tag != "annotations":
        raise DataError(f"{str(file)!r} begins with <{root.tag}>; expected CVAT for images, which begins <annotations>")
    return root


def _decode(name: str, entry: object) -> AnnotatedImage:
    assert isinstance(entry, _Element)
    size = checked_size(entry.get("height"), entry.get("width"))
    shapes = [shape for shape in entry if shape.tag in ("polygon", "box", "mask")]
    shapes.sort(key=lambda shape: int(shape.get("z_order", "0")))
    return AnnotatedImage(name, size, tuple(_region(shape, size) for shape in shapes))


def _region(shape: _Element, size: tuple[int, int]) -> NamedRegion:
    attributes = {attribute.get("name"): attribute.text for attribute in shape.iter("attribute")}
    confidence = float(attributes[_CONFIDENCE] or "nan") if attributes.get(_CONFIDENCE) else None
    if shape.tag == "mask":
        return NamedRegion(shape.attrib["label"], from_cvat_runs(shape.attrib, size), confidence)
    if shape.tag == "box":
        left, top, right, bottom = (float(shape.attrib[side]) for side in ("xtl", "ytl", "xbr", "ybr"))
        corners = [left, top, right, top, right, bottom, left, bottom]
    else:
        corners = [float(part) for point in shape.attrib["points"].split(";") for part in point.split(",")]
    return NamedRegion(shape.attrib["label"], rasterise_segmentation([corners], size), confidence)
