"""Images whose names are no UTF-8, or as long as file systems allow, in every command that makes files of them."""

import json
import os

import pytest
from PIL import Image

from seglet.files import DataError
from seglet.inference.inputs import result_path

NO_UTF8 = b"stra\xdfe"
LONG = b"x" * 240
NAMES = (b"plain", NO_UTF8, LONG, b"a,b'c", "\U0001f600".encode())


@pytest.fixture
def odd(tmp_path):
    """A folder of images with odd names."""
    folder = tmp_path / "in"
    folder.mkdir()
    for shade, name in enumerate(NAMES):
        Image.new("RGB", (40, 32), (shade, 0, 0)).save(folder / "a.png")
        (folder / "a.png").rename(folder / os.fsdecode(name + b".png"))
    return folder


def written(folder):
    return {os.fsencode(path.stem) for path in folder.iterdir()}


def test_they_are_predicted(odd, model, seglet, tmp_path):
    assert seglet("predict", model, odd, "--out", tmp_path / "out").code == 0
    assert written(tmp_path / "out/masks") == written(tmp_path / "out/overlays") == set(NAMES)
    record = json.loads((tmp_path / "out/predictions.json").read_text())
    assert {os.fsencode(one["source"]).rsplit(b"/", 1)[1][:-4] for one in record["images"]} == set(NAMES)


def test_they_are_brightened(odd, seglet, tmp_path):
    assert seglet("enhance", odd, "--method", "gamma", "--out", tmp_path / "out", "--jobs", 1).code == 0
    assert written(tmp_path / "out") >= set(NAMES)


@pytest.mark.parametrize("tool", ["coco", "labelme", "label-studio"])
def test_they_come_back_from_a_labelling_tool(tool, odd, model, seglet, tmp_path):
    assert seglet("label", model, odd, "--tool", tool, "--out", tmp_path / "out").code == 0
    assert seglet("data", "import", tmp_path / "out", "--out", tmp_path / "back").code == 0
    assert written(tmp_path / "back/masks") == set(NAMES)


def test_a_name_that_xml_cannot_hold_stops_nothing(odd, model, seglet, tmp_path):
    done = seglet("label", model, odd, "--tool", "cvat", "--out", tmp_path / "out")
    assert done.code == 2
    assert "labelled: 4, failed: 1" in done.out, done.out + done.err
    assert "characters that XML does not allow; rename it" in done.out
    assert written(tmp_path / "out/images") == set(NAMES) - {NO_UTF8}


@pytest.mark.parametrize("name", ["../a", "a/../../b", "/etc/a", "C:/a", "C:a", "\\\\server\\share\\a"])
def test_no_result_lies_outside_its_folder(name, tmp_path):
    with pytest.raises(DataError, match="leads out of"):
        result_path(tmp_path, name, ".png")


def test_a_name_may_have_folders_and_dots(tmp_path):
    assert result_path(tmp_path, "a/b.c..d", ".png") == tmp_path / "a/b.c..d.png"
