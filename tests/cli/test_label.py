"""`seglet label`, `seglet data export`, `seglet data import`."""

import json

import numpy as np
import pytest

from seglet.cli.options.annotation_tool import ANNOTATION_TOOLS
from seglet.data.label_tools.formats import read_annotations
from seglet.data.label_tools.regions import labels_from_regions
from seglet.data.world.scene import WORLD_CLASSES
from seglet.images import read_image, read_mask
from seglet.inference.pseudo_labels import keep_confident_regions
from seglet.models.segmenter import load
from seglet.types import IGNORE


@pytest.mark.parametrize("tool", ANNOTATION_TOOLS)
def test_masks_go_out_and_come_back(tool, images, seglet, tmp_path):
    seglet("data", "check", images)
    assert seglet("data", "export", images, "--split", "val", "--tool", tool, "--out", tmp_path / "out").code == 0
    assert seglet("data", "import", tmp_path / "out", "--out", tmp_path / "back").code == 0
    for name in ("val0", "val1"):
        before = read_mask(images / f"masks/val/{name}.png")
        np.testing.assert_array_equal(read_mask(tmp_path / f"back/masks/{name}.png"), before)
        assert (tmp_path / f"back/images/{name}.png").is_file()
    assert seglet("data", "check", tmp_path / "back").code == 0


@pytest.mark.parametrize("tool", ANNOTATION_TOOLS)
def test_what_the_network_is_sure_of_is_written(tool, model, images, seglet, tmp_path):
    done = seglet("label", model, images / "images/val", "--tool", tool, "--threshold", 0.1, "--out", tmp_path / "out")
    assert done.code == 0
    prediction = load(model).predict(read_image(images / "images/val/val0.png"))
    expected = np.where(prediction.confidence < 0.1, IGNORE, prediction.labels)
    first = next(iter(read_annotations(tmp_path / "out")[1].images()))
    np.testing.assert_array_equal(labels_from_regions(first, WORLD_CLASSES, 0), expected)


def test_unsure_pieces_become_void():
    labels = np.array([[1, 1, 0, 1], [0, 0, 0, 0]], np.uint8)
    confidence = np.array([[0.9, 0.5, 0.6, 0.6], [0.6, 0.6, 0.6, 0.6]])
    assert keep_confident_regions(labels, confidence, 0.65, 0).tolist() == [[1, 1, 255, 255], [255] * 4]
    assert keep_confident_regions(labels, confidence, 0.0, 2).tolist() == [[1, 1, 0, 255], [0] * 4]
    assert keep_confident_regions(labels, confidence, 0.0, 0).tolist() == labels.tolist()


def test_void_regions_can_be_left_out(model, images, seglet, tmp_path):
    words = ("label", model, images / "images/val", "--tool", "coco", "--threshold", 1)
    assert seglet(*words, "--out", tmp_path / "a", "--json").code == 0
    assert seglet(*words, "--no-void", "--out", tmp_path / "b").code == 0
    regions = [sum(1 for one in read_annotations(tmp_path / name)[1].images() for _ in one.regions) for name in "ab"]
    assert regions[0] > 0
    assert regions[1] == 0


def test_a_bad_image_stops_nothing(model, images, seglet, tmp_path):
    (images / "images/val/val0.png").write_bytes(b"no image")
    done = seglet("label", model, images / "images/val", "--tool", "cvat", "--out", tmp_path / "out", "--json")
    record = json.loads(done.out)
    assert (done.code, len(record["images"]), len(record["failed"])) == (2, 1, 1)
    assert [entry.file for entry in read_annotations(tmp_path / "out")[1].entries] == ["val1.png"]


def test_earlier_results_are_kept_without_overwrite(model, images, seglet, tmp_path):
    words = ("label", model, images / "images/val", "--out", tmp_path / "out", "--tool")
    assert seglet(*words, "coco").code == 0
    assert "earlier results" in seglet(*words, "cvat").err
    assert seglet(*words, "cvat", "--overwrite").code == 0
    assert not (tmp_path / "out/annotations").exists()


def test_a_folder_of_other_files_is_not_written_to(model, images, seglet):
    done = seglet("label", model, images / "images", "--tool", "coco", "--out", images)
    assert (done.code, "holds other files" in done.err) == (2, True)


def test_missing_and_wrong_images_are_listed(images, seglet, tmp_path):
    seglet("data", "export", images, "--split", "val", "--tool", "cvat", "--out", tmp_path / "out")
    (tmp_path / "out/images/val0.png").unlink()
    file, exported = tmp_path / "out/annotations.xml", tmp_path / "out/images"
    file.write_text(file.read_text().replace('name="val1.png" width="32"', 'name="val1.png" width="31"'))
    done = seglet("data", "import", file, "--images", exported, "--out", tmp_path / "back", "--json")
    reasons = {one["source"]: one["reason"] for one in json.loads(done.out)["failed"]}
    assert done.code == 2
    assert "0 images are called" in reasons["val0.png"]
    assert "val1.png" in reasons


def test_the_classes_a_tool_lists_follow_the_background(seglet, tmp_path):
    golden = __file__.replace("cli/test_label.py", "data/label_tools/golden/annotations.xml")
    assert seglet("data", "import", golden, "--out", tmp_path / "a").code == 0
    assert (tmp_path / "a/classes.txt").read_text().split()[1::5] == ["background", "cat", "dog"]
    assert seglet("data", "import", golden, "--unlabelled", "void", "--out", tmp_path / "b").code == 0
    assert read_mask(tmp_path / "b/masks/a/one.png")[1, 0] == IGNORE


def test_the_most_valuable_images_are_written_and_labelled_ones_left_out(model, images, seglet, tmp_path):
    seglet("data", "check", images)
    words = ("label", model, images / "images", "--tool", "coco", "--labelled", images)
    assert seglet(*words, "--out", tmp_path / "a").code == 2  # --labelled is for --next
    done = seglet(*words, "--next", 1, "--samples", 2, "--teacher", model, "--out", tmp_path / "b", "--json")
    record = json.loads(done.out)
    assert (record["next"]["candidates"], record["next"]["labelled"]) == (2, 2)
    (first,) = record["next"]["ranked"]
    assert record["images"][0]["source"] == first["source"]
    assert "val" in first["source"]
    assert first["value"] == pytest.approx(2 + 0.5 * first["rarity"] + 0.5, abs=1)
