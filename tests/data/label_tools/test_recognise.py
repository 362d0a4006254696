"""Files that are no annotations are named before they are read as JSON, and nobody is told to delete them."""

import gzip
import io
import json
import zipfile
from pathlib import Path

import pytest

from seglet.data.errors import DataError
from seglet.data.label_tools.coco_reader import read_coco_json
from seglet.data.label_tools.formats import read_annotations
from seglet.data.label_tools.recognise import foreign_format


def archive():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr(zipfile.ZipInfo("annotations.xml"), "<annotations/>")  # of a fixed date, as tests are named by it
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [("a.zip", archive(), "zip archive; unpack"), ("a.json", archive(), "zip archive"),
     ("a.gz", gzip.compress(b"{}", mtime=0), "gzip"),
     ("a.csv", b"ImageId,EncodedPixels\na.jpg,1 3\n", "CSV is not read"),
     ("a.csv", b"\xef\xbb\xbfid;mask\n", "CSV"), ("a.txt", b"0 0.1 0.1 0.5 0.1 0.5 0.5\n1 0.5 0.5 0.1 0.1\n", "YOLO"),
     ("a.jsonl", b'{"a": 1}\n{"a": 2}\n', "JSON Lines"), ("a.png", b"\x89PNG\r\n\x1a\n", "image"),
     ("data.yaml", b"names: [a, b]\n", "YAML"), ("a.txt", b"hello", "neither JSON nor XML"),
     ("a.py", b"import a, b\n", "neither JSON nor XML"), ("a.json", b"[]", "no task"),
     ("a.json", b'{"_via_img_metadata": {}}', "VGG Image Annotator"),
     ("a.npy", b"\x93NUMPY\x01", "NumPy"), ("a.bin", bytes(range(9)) * 9, "")],
)  # fmt: skip
def test_other_files_are_named(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=name) as caught:
        read_annotations(tmp_path / name)
    assert words in str(caught.value)
    assert "delete" not in str(caught.value)


@pytest.mark.parametrize("text", ["{}", " [1]", "<a/>", '{"a":\n 1}'])
@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
def test_json_and_xml_are_left_to_their_readers(text, coding):
    assert foreign_format(Path("a"), text.encode(coding)) == ""


def coco(tmp_path, *rows):
    data = {
        "images": [{"id": 1, "file_name": "a.png", "height": 2, "width": 3}],
        "categories": [{"id": 1, "name": "crack"}],
        "annotations": [{"id": place, "image_id": 1, "category_id": 1, **row} for place, row in enumerate(rows)],
    }
    (tmp_path / "a.json").write_text(json.dumps(data))
    return tmp_path / "a.json"


WHOLE = {"segmentation": {"size": [2, 3], "counts": [0, 6]}}


def test_crowds_alone_ask_how_they_are_meant(tmp_path):
    file = coco(tmp_path, {**WHOLE, "iscrowd": 1})
    with pytest.raises(DataError, match=r"iscrowd 1.*--crowds objects"):
        read_coco_json(file)
    for crowds, name, remarks in (("objects", "crack", {}), ("void", "void", {"crowd, which is void (iscrowd 1)": 1})):
        found = read_coco_json(file, crowds)
        image = found.image(found.entries[0])
        assert ([region.name for region in image.regions], image.remarks) == ([name], remarks)


def test_objects_are_counted_and_a_broken_one_is_named(tmp_path):
    box, crowd, lost = {"bbox": [0, 0, 1, 1]}, {**WHOLE, "iscrowd": 1}, {**WHOLE, "image_id": 2}
    found = read_coco_json(coco(tmp_path, box, crowd, WHOLE, lost))
    image = found.image(found.entries[0])
    assert [region.name for region in image.regions] == ["void", "crack"]
    assert image.passed_over == {"box without outline": 1}
    assert found.passed_over == {"object of an image that is not listed": 1}
    found = read_coco_json(coco(tmp_path, {**WHOLE, "category_id": 9}))
    with pytest.raises(DataError, match=r"a\.png.*object 0 cannot be drawn: its category 9 is not listed"):
        found.image(found.entries[0])


def test_objects_that_all_belong_to_no_image_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"none of the 2 objects .*`image_id` is 'x'"):
        read_coco_json(coco(tmp_path, {**WHOLE, "image_id": "x"}, {**WHOLE, "image_id": "y"}))


def test_the_only_export_in_a_folder_is_read_and_of_several_one_is_to_be_named(tmp_path):
    file = coco(tmp_path, WHOLE)
    (tmp_path / "tags.json").write_text("{}")
    assert read_annotations(tmp_path)[1].source == file
    (tmp_path / "more").mkdir()
    coco(tmp_path / "more", WHOLE)
    with pytest.raises(DataError, match=r"a\.json, more/a\.json; name the one to read"):
        read_annotations(tmp_path)
