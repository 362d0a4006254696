"""`--method` of `seglet predict` and `seglet evaluate`: masks from tags without a segmenter."""

import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from tests.engine.test_diclip import TINY
from tests.methods.random_classifier import random_classifier

from seglet.data.overlay import SHEET_GAP
from seglet.files import read_json, write_json
from seglet.images import read_mask
from seglet.inference.explain import CAPTION_HEIGHT, CELL_HEIGHT, explanation_sheet
from seglet.inference.from_tags import classes_named, open_method
from seglet.models.segmenter import load

CLIP = {"method": "diclip", "clip_model": "tiny-clip", "attention": "identity", "cache_from": "none", "par_steps": 2}


@pytest.fixture
def experiment(tmp_path):
    """JSON is YAML."""
    write_json(tmp_path / "experiment-1.yaml", CLIP)
    return tmp_path / "experiment-1.yaml"


def test_a_method_segments_the_users_images_with_no_training(experiment, images, seglet, tmp_path):
    tags = tmp_path / "tags.csv"
    tags.write_text("image,tags\nval0.png,moon\nval1.png,star;moon\n")
    words = ("--tags", tags, "--names", "star", "moon", "--out", tmp_path / "out", "--json")
    done = seglet("predict", "--method", experiment, images / "images/val", *words)
    record = json.loads(done.out)
    assert done.code == 0, done.err
    assert record["classes"] == ["background", "star", "moon"]
    assert [entry["tags"] for entry in record["images"]] == [["moon"], ["star", "moon"]]
    assert set(read_mask(tmp_path / "out/masks/val0.png").ravel()) <= {0, 2}


def test_tags_and_classes_of_a_data_set_serve_as_well(experiment, seglet, tmp_path):
    words = ("--data", "world:scenes=3,size=32", "--split", "test", "--out", tmp_path / "out", "--refiner", "par")
    assert seglet("predict", "--method", experiment, *words).code == 0
    assert len(list((tmp_path / "out/masks").glob("*.png"))) == 3


def test_pseudo_labels_may_come_from_a_method(experiment, seglet, tmp_path):
    words = ("--data", "world:scenes=3,size=32", "--pseudo-labels", "--threshold", 0, "--out", tmp_path / "out")
    assert seglet("predict", "--method", experiment, *words).code == 0
    assert (tmp_path / "out/tags.json").is_file()


def test_an_imagenet_classifier_makes_masks_and_says_what_stands_for_each_class(images, seglet, tmp_path):
    (tmp_path / "groups.yaml").write_text("star: [starfish]\n")
    keys = ("--classifier", "efficientnet_lite0", "--classifier_weights", random_classifier(tmp_path))
    more = ("--groups", tmp_path / "groups.yaml", "--pretrained", "none", "--cam_scales", 1)
    words = ("--names", "ball", "star", "moon", "--tags", tmp_path / "tags.csv", "--out", tmp_path / "out")
    (tmp_path / "tags.csv").write_text("image,tags\nval0.png,moon\nval1.png,star;ball\n")
    done = seglet("predict", "--method", "imagenet", images / "images/val", *words, *keys, *more)
    assert done.code == 0, done.err
    assert "class 'star': starfish (groups" in done.out + done.err
    assert "class 'moon': ImageNet has no class of this name" in done.out + done.err
    assert set(read_mask(tmp_path / "out/masks/val0.png").ravel()) == {0}


def test_maps_are_scored_with_known_tags_at_every_threshold(experiment, seglet):
    done = seglet("evaluate", "--method", experiment, "--data", "world:scenes=4,size=32", "--split", "test", "--json")
    scores = json.loads(done.out)
    assert scores["known_tags"] is True
    assert len(scores["cam_curve"]["curve"]["miou"]) == 100
    assert scores["cam_curve"]["best"]["miou"] == max(scores["cam_curve"]["curve"]["miou"])


def test_how_a_mask_came_about_is_drawn_for_each_image(experiment, seglet, tmp_path):
    words = ("--data", "world:scenes=2,size=32", "--split", "test", "--out", tmp_path / "out", "--explain")
    assert seglet("predict", "--method", experiment, *words).code == 0
    record = read_json(tmp_path / "out/predictions.json")["images"]
    for entry in record:
        with Image.open(tmp_path / "out" / entry["explained"]) as sheet:
            rows = 2 + 2 * len(entry["tags"])  # the mask; a class and its attention; elsewhere
            assert sheet.size == (
                5 * (CELL_HEIGHT + SHEET_GAP) + SHEET_GAP,
                rows * (CELL_HEIGHT + CAPTION_HEIGHT + SHEET_GAP) + SHEET_GAP,
            )


def test_an_image_of_nothing_is_explained_without_maps(experiment):
    seer = open_method(str(experiment), classes_named(["star"]), None, "cpu")
    image = np.zeros((32, 48, 3), np.uint8)
    drawn = explanation_sheet(image, np.zeros((32, 48), np.uint8), (), seer.explain(image, ()), seer.classes)
    assert drawn.size == (
        2 * (round(48 / 32 * CELL_HEIGHT) + SHEET_GAP) + SHEET_GAP,
        CELL_HEIGHT + CAPTION_HEIGHT + 2 * SHEET_GAP,
    )


def test_maps_that_are_not_finite_are_no_masks(experiment, monkeypatch):
    seer = open_method(str(experiment), classes_named(["star"]), None, "cpu")
    monkeypatch.setattr(type(seer.method), "label_maps", lambda *given: torch.full((1, 2, 32, 32), torch.nan))
    with pytest.raises(ValueError, match=r"not finite: .* use bfloat16 or float32"):
        seer.class_maps(np.zeros((32, 32, 3), np.uint8), (1,))


def test_maps_of_a_batch_are_those_of_each_image_alone(experiment, seglet):
    words = (
        "--method",
        experiment,
        "--data",
        "world:scenes=5,size=32",
        "--split",
        "test",
        "--refiner",
        "par",
        "--json",
    )
    alone, together = (json.loads(seglet("evaluate", *words, "--batch", batch).out) for batch in (1, 2))
    assert together["confusion"] == alone["confusion"]
    assert together["cam_curve"] == alone["cam_curve"]


def test_what_a_run_has_learned_is_used(seglet, tmp_path, monkeypatch):
    monkeypatch.setenv("SEGLET_CACHE", str(tmp_path / "cache"))
    keys = {**TINY, "attention": "identity", "cache_from": "real", "online_keys": 0}
    write_json(tmp_path / "e.yaml", keys)
    assert seglet("prepare", tmp_path / "e.yaml").code == 0
    assert seglet("train", tmp_path / "e.yaml", "--out", tmp_path / "run").code == 0
    learned, fresh = (open_method(str(source), None, None, "cpu") for source in (tmp_path / "run", tmp_path / "e.yaml"))
    assert bool(learned.method.taught)
    assert not bool(fresh.method.taught)
    assert load(tmp_path / "run/last").classes == learned.classes
    shutil.rmtree(tmp_path / "cache")  # of the run alone, with no cache to be made again
    monkeypatch.setattr("seglet.engine.datasets.training_data", None)
    moved = open_method(
        str((tmp_path / "run").rename(tmp_path / "moved")), None, None, "cpu", {"cam_scales": [1.0, 0.5]}
    )
    assert torch.equal(moved.method.cache.keys, learned.method.cache.keys)
    assert moved.method.config.cam_scales == (1.0, 0.5)
    with pytest.raises(ValueError, match="do not fit these keys; leave out those that change its networks"):
        open_method(str(tmp_path / "moved"), None, None, "cpu", {"adapter_prompts": 7})


def test_keys_of_the_method_are_options_of_the_commands(experiment, seglet, tmp_path):
    words = ("--method", experiment, "--data", "world:scenes=2,size=32", "--split", "test")
    scores = json.loads(seglet("evaluate", *words, "--attention", "none", "--json").out)
    assert scores["keys"] == {"attention": "none"}
    assert seglet("predict", *words, "--out", tmp_path / "out", "--par-steps", "0").code == 0
    record = read_json(tmp_path / "out/predictions.json")
    assert record["keys"] == {"par_steps": "0"}
    assert "--par-steps 0" in record["command"]
    wrong = seglet("evaluate", *words, "--par_stepz", "0")
    assert wrong.code == 2
    assert "did you mean 'par_steps'" in wrong.err
    assert "unknown option '--par-steps'" in seglet("predict", "x", "y", "--out", "z", "--par-steps", "0").err


def test_tags_are_read_before_anything_is_made_for_the_classes(images, seglet, tmp_path):
    write_json(
        tmp_path / "e.yaml", {**CLIP, "clip_model": "no/where", "cache_from": "generated", "generator": "no/where"}
    )
    (tmp_path / "tags.csv").write_text("image,tags\nval0.png,moone\n")
    words = ("--tags", tmp_path / "tags.csv", "--names", "star", "moon", "--out", tmp_path / "out")
    assert "moone" in seglet("predict", "--method", tmp_path / "e.yaml", images / "images/val", *words).err


def test_remarks_on_the_classes_appear_without_training_too(experiment, images, seglet, tmp_path):
    (tmp_path / "tags.csv").write_text("image,tags\nval0.png,star zyx\nval1.png,star zyx\n")
    words = ("--tags", tmp_path / "tags.csv", "--names", "star zyx", "--out", tmp_path / "out")
    assert (
        "zyx of class 'star zyx' into pieces"
        in seglet("predict", "--method", experiment, images / "images/val", *words).err
    )


def test_what_is_missing_or_too_much_is_named(experiment, images, seglet, tmp_path):
    out = ("--out", tmp_path / "out")
    for words, message in (
        (("--method", experiment, images / "images/val", *out), "give --tags FILE"),
        (("--method", "supervised", images / "images/val", "--tags", "x.csv", *out), "makes no masks from tags"),
        (("--method", "nowhere.yaml", images / "images/val", *out), "cannot read the experiment nowhere.yaml"),
        (("--method", experiment, "--data", "world", "--scales", 2, *out), "leave out --scales"),
        (("--method", experiment, *out), "one of the two"),
        (out, "give a segmenter to segment with, or --method"),
        ((images, "--explain", *out), "--explain draws how a --method makes masks"),
        (
            ("--method", experiment, "--data", "world", "--explain", "--pseudo-labels", *out),
            "leave --pseudo-labels out",
        ),
    ):
        done = seglet("predict", *words)
        assert done.code == 2
        assert message in done.err


def test_classes_by_name_begin_with_the_background():
    assert classes_named(["cat"]).classes.names == ("background", "cat")
    with pytest.raises(ValueError, match="class names repeat"):
        classes_named(["cat", "cat"])


def test_images_are_remembered_before_they_are_predicted_and_scored(experiment, seglet, tmp_path):
    keys = ("--cache-from", "real", "--cache-size", "32", "--world-scenes", "24", "--columns", tmp_path / "columns")
    words = ("--method", experiment, "--data", "world:scenes=3,size=32", "--split", "test")
    scores = json.loads(seglet("evaluate", *words, "--adapt", "shuffled", *keys, "--json").out)
    assert scores["adapt"] == "shuffled"
    assert seglet("predict", *words, "--adapt", "--out", tmp_path / "out", *keys).code == 0
    assert read_json(tmp_path / "out/predictions.json")["adapt"] == "memory"


def test_a_method_without_a_cache_and_a_segmenter_remember_nothing(experiment, seglet, tmp_path):
    words = ("--data", "world:scenes=3,size=32", "--split", "test")
    assert "choose another cache_from" in seglet("evaluate", "--method", experiment, *words, "--adapt").err
    assert "a segmenter is adapted by `seglet adapt`" in seglet("evaluate", "model", *words, "--adapt", "memory").err
