"""Recognises files of labelling tools by how they begin, without reading them whole."""

import re
from pathlib import Path

from seglet.data.label_tools.recognise import is_xml, is_yolo, text_begin


def annotation_kind(path: Path) -> str:
    """Returns the tool whose file this is, by how it begins; empty if it is none that holds shapes."""
    try:
        with path.open("rb") as file:
            content = file.read(4096)
    except OSError:
        return ""
    text = text_begin(content)
    if path.suffix.lower() == ".txt":
        whole = text.rpartition("\n")[0] if len(content) == 4096 else text
        return "yolo" if is_yolo(whole) else ""
    if is_xml(content):
        return "cvat" if "<annotations" in text else ""
    if text[:1] == "[":
        tasks = '"data"' in text and re.search(r'"(annotations|predictions|completions)"', text)
        return "label-studio" if tasks else ""
    if '"shapes"' in text and re.search(r'"(version|imagePath|flags|shape_type)"', text):
        return "labelme"
    keys = {key for key in ("images", "annotations", "categories") if f'"{key}"' in text}
    return "coco" if len(keys) > 1 or ("images" in keys and '"file_name"' in text) else ""
