"""Recognises files of labelling tools by how they begin, without reading them whole."""

import re
from pathlib import Path

from seglet.data.label_tools.recognise import is_xml, is_yolo, text_begin

_HEAD = 65536
"""Bytes that are read; a list of many objects may stand before the key that tells."""


def annotation_kind(path: Path) -> str:
    """Returns the tool whose file this is, by how it begins; empty if it is none that holds shapes."""
    if not path.is_file():  # nor a pipe, for which a reader would wait
        return ""
    try:
        with path.open("rb") as file:
            content = file.read(_HEAD)
    except OSError:
        return ""
    text = text_begin(content, _HEAD)
    if path.suffix.lower() == ".txt":
        whole = text.rpartition("\n")[0] if len(content) == _HEAD else text
        return "yolo" if "." in whole and is_yolo(whole) else ""  # whole numbers alone are a table, such as of tags
    if is_xml(content):
        return "cvat" if "<annotations" in text else ""
    if text[:1] == "[":
        tasks = re.search(r'"(data|result)"', text) and re.search(r'"(annotations|predictions|completions)"', text)
        return "label-studio" if tasks else ""
    if '"shapes"' in text and re.search(r'"(version|imagePath|flags|shape_type)"', text):
        return "labelme"
    if re.search(r'"items"\s*:\s*\[', text) and '"categories"' in text:
        return "datumaro"
    if re.search(r'"objects"\s*:\s*\[', text) and re.search(r'"size"\s*:\s*{', text):
        return "supervisely"
    keys = {key for key in ("images", "annotations", "categories") if f'"{key}"' in text}
    alone = ("images" in keys and '"file_name"' in text) or ("annotations" in keys and '"segmentation"' in text)
    return "coco" if len(keys) > 1 or alone else ""
