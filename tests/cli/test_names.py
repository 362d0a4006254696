"""Images whose names are no UTF-8, or as long as file systems allow, in every command that makes files of them."""

import json
import os

import pytest
from PIL import Image

from seglet.files import SEAL, DataError, path_below
from seglet.results.plan import Cell, RunFolders

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
        path_below(tmp_path, name, ".png")


@pytest.mark.parametrize("name", ["", ".", "a\0b", "a\\..\\b"])
def test_what_no_file_can_be_called_is_refused(name, tmp_path):
    with pytest.raises(DataError):
        path_below(tmp_path, name, ".png")


@pytest.fixture
def foreign(images, seglet, tmp_path):
    """A description that somebody else made: its ids and its splits lead elsewhere."""
    file = tmp_path / "deep/er/foreign.json"
    assert seglet("data", "check", images, "--out", file).code == 0
    text = file.read_text().replace('"train0"', '"../../../escaped"').replace('"val":', '"../../../split":')
    file.write_text(text.replace(SEAL, "unsealed"))
    return file


@pytest.mark.parametrize("tool", ["coco", "labelme", "label-studio", "cvat"])
def test_foreign_ids_write_nothing_outside_a_labelling_folder(tool, foreign, seglet, tmp_path):
    seglet("data", "export", foreign, "--tool", tool, "--out", tmp_path / "deep/er/out")
    assert not list(tmp_path.rglob("*escaped*"))


def test_foreign_ids_write_no_mask_outside(foreign, model, seglet, tmp_path):
    done = seglet("predict", model, "--data", foreign, "--split", "train", "--out", tmp_path / "deep/er/out")
    assert done.code == 2
    assert "leads out of" in done.out
    assert not list(tmp_path.rglob("*escaped*"))


def test_foreign_splits_write_no_list_outside(foreign, seglet, tmp_path):
    seglet("data", "darken", foreign, "--out", tmp_path / "deep/er/out")
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith(("escaped", "split"))]


def test_rows_of_a_foreign_table_are_no_paths(tmp_path):
    with pytest.raises(DataError, match="leads out of"):
        RunFolders(tmp_path).run(Cell("../../escaped", 0))


def test_a_name_may_have_folders_and_dots(tmp_path):
    assert path_below(tmp_path, "a/b.c..d", ".png") == tmp_path / "a/b.c..d.png"
