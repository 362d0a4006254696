"""The tool that wrote a file is recognised by how the file begins."""

import json

import pytest

from seglet.data.label_tools.annotation_files import annotation_kind

COCO = {"images": [], "annotations": [], "categories": []}
LABELME = {"version": "5", "flags": {}, "shapes": [], "imagePath": "a.png"}


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [("a.json", json.dumps(COCO), "coco"), ("a.json", json.dumps(LABELME), "labelme"),
     ("a.json", '[{"id": 1, "data": {"image": "a"}, "annotations": []}]', "label-studio"),
     ("a.xml", "<?xml version='1.0'?><annotations/>", "cvat"), ("a.xml", "<annotation/>", ""),
     ("a.txt", "0 0.1 0.1 0.2 0.2 0.3 0.1\n" * 500, "yolo"), ("a.txt", "a.png\nb.png\n", ""),
     ("a.txt", "17 0 1 0 1\n", ""),  # of tags
     ("a.json", json.dumps({"info": "x" * 9000} | COCO), "coco"),
     ("a.json", '{"annotations": [{"segmentation": []}', "coco"),
     ("a.json", '{"a.png": ["crack"]}', ""), ("a.json", "[1, 2]", "")],
)  # fmt: skip
@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig"])
def test_the_tool_is_recognised_by_how_a_file_begins(tmp_path, name, content, kind, coding):
    (tmp_path / name).write_text(content, encoding=coding)
    assert annotation_kind(tmp_path / name) == kind
