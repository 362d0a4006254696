"""`--method concepts` of `seglet predict`: names to masks, with and without tags, thresholds chosen on a few masks."""

import json

import pytest
from tests.models.foundation.concept_makers import save_concept

from seglet.data.world.scene import WORLD_CLASSES
from seglet.files import read_json
from seglet.images import read_mask


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> list[object]:
    folder = save_concept(tmp_path_factory.mktemp("clipseg"), "clipseg")
    (folder / "README.md").write_text("---\nlicense: cc-by-4.0\n---\n")
    small = ["--student", "pspnet-resnet18", "--output-stride", 8, "--width", 0.125, "--pretrained", "none"]
    return ["--method", "concepts", "--model", folder, *small]


def test_tags_rule_classes_out_and_those_without_a_pixel_are_listed(words, images, seglet, tmp_path):
    (tmp_path / "tags.csv").write_text("image,tags\nval0.png,moon\nval1.png,\n")
    given = ("--names", "star,moon", "--tags", tmp_path / "tags.csv", "--out", tmp_path / "out", "--json")
    done = seglet("predict", images / "images/val", *words, "--class-threshold", 0.999999, *given)
    record = json.loads(done.out)
    assert record["classes"] == ["background", "star", "moon"]
    assert "cc-by-4.0" in done.err
    assert [entry["missing"] for entry in record["images"]] == [["moon"], []]
    assert set(read_mask(tmp_path / "out/masks/val0.png").ravel()) == {0}


def test_without_tags_the_network_finds_the_classes_itself(words, images, seglet, tmp_path):
    given = ("--data", images / "images/val", "--names", "dog", "cat", "--presence", 0, "--out", tmp_path / "out")
    done = seglet("predict", *words, *given, "--class-threshold", 0.01)
    assert done.code == 0, done.err
    assert {1, 2} & set(read_mask(tmp_path / "out/masks/val0.png").ravel())
    assert "name them with --names" in seglet("predict", images / "images/val", *words, "--out", tmp_path / "o").err


def test_pseudo_labels_have_thresholds_chosen_on_a_few_masks(words, images, seglet, tmp_path):
    given = ("--data", images, "--split", "val", "--pseudo-labels", "--refiner", "par", "--out", tmp_path / "out")
    done = seglet("predict", *words, *given, "--calibrate", images, "--calibrate-split", "train")
    assert done.code == 0, done.err
    chosen = read_json(tmp_path / "out/predictions.json")["thresholds"]
    assert set(chosen) == set(WORLD_CLASSES.foreground.values())
    assert "the same thresholds without these masks, as a key: class_thresholds" in done.err + done.out


def test_contradictions_are_named(words, images, seglet, tmp_path):
    out = ("--out", tmp_path / "out")
    for given, message in (
        ((*words, "--data", images, "--names", "cat", *out), "but the data have the classes"),
        (("model", images, "--calibrate", images, *out), "--calibrate chooses thresholds of a --method"),
        ((*words, "--data", images, "--calibrate-split", "val", *out), "say which with --calibrate DATA"),
    ):
        done = seglet("predict", *given)
        assert done.code == 2
        assert message in done.err
