"""Runs, models and images that are not as they should be: said clearly, nothing breaks."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from seglet.images import write_mask
from seglet.inference.batch import failure_reason
from seglet.models.architecture import Architecture
from seglet.models.segmenter import Segmenter, build
from seglet.types import Classes

LONG = 20_000
HOSTILE = "<script>alert(1)</script>"
CLASSES = Classes(("background", HOSTILE), ((0, 0, 0), (9, 9, 9)))


@pytest.fixture(scope="module")
def hostile_model(tmp_path_factory):
    """Random weights, and a class whose name is a script."""
    folder = tmp_path_factory.mktemp("models") / "hostile"
    build(Architecture("deeplabv3-resnet18", width=0.125), CLASSES).save(folder)
    return folder


@pytest.fixture(scope="module")
def run(hostile_model, tmp_path_factory):
    """A run as it lies on the disk when its process was killed while it wrote a line."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    shutil.copytree(hostile_model, folder / "model")
    (folder / "experiment.yaml").write_text("method: supervised\nsteps: 9\n")
    (folder / "record.json").write_text('{"versions": {"seglet": "7.0"}}')
    (folder / "metrics.jsonl").write_text('{"step": 2, "val/miou": 0.1}\n{"step": 3, "train/lo')
    return folder


@pytest.fixture
def strip(tmp_path):
    """Data whose one image is 20 000 pixels long, 3 high, and called like a script."""
    file = "<script>alert(2)<&script>.png"
    for kind in ("images", "masks"):
        (tmp_path / "data" / kind / "val").mkdir(parents=True)
    Image.effect_noise((LONG, 3), 80).convert("RGB").save(tmp_path / "data/images/val" / file)
    write_mask(tmp_path / "data/masks/val" / file, np.eye(3, LONG, dtype=np.uint8), CLASSES)
    (tmp_path / "data/classes.json").write_text(json.dumps([{"id": i, "name": n} for i, n in enumerate(CLASSES.names)]))
    return tmp_path / "data"


def test_a_run_that_was_killed_has_a_report(run, strip, seglet, tmp_path):
    done = seglet("report", run, "--data", strip, "--out", tmp_path / "report.html")
    assert done.code == 0, done.err
    assert "stopped at step 2 of 9" in done.out
    page = (tmp_path / "report.html").read_text()
    assert page.count("<script") == 1
    assert "&lt;script&gt;alert(1)" in page
    assert "&lt;script&gt;alert(2)" in page


def test_a_run_of_another_version_says_which_and_what_can_be_done(run, strip, seglet, tmp_path):
    newer = shutil.copytree(run, tmp_path / "newer")
    (newer / "experiment.yaml").write_text("method: supervised\nfrobnication: 3\n")
    said = seglet("report", newer, "--data", strip, "--out", tmp_path / "report.html").err
    assert "'frobnication'" in said
    assert "made by seglet 7.0" in said
    assert f"seglet report {newer / 'model'} --data DATA" in said


@pytest.mark.parametrize("words", [["report"], ["predict"], ["label", "--tool", "coco"]])
def test_a_model_of_another_version_is_refused_by_all(words, hostile_model, strip, seglet, tmp_path):
    newer = shutil.copytree(hostile_model, tmp_path / "newer")
    config = json.loads((newer / "config.json").read_text())
    (newer / "config.json").write_text(json.dumps({**config, "version": 2}))
    command, *options = words
    about = ["--data", strip] if command == "report" else [strip / "images"]
    done = seglet(command, newer, *about, *options, "--out", tmp_path / "out")
    assert (done.code, "format version 2, this seglet reads 1" in done.err) == (2, True)


def test_a_very_long_image_is_segmented(hostile_model, strip, seglet, tmp_path):
    done = seglet("predict", hostile_model, strip / "images", "--out", tmp_path / "out")
    assert done.code == 0, done.err
    (mask,) = (tmp_path / "out" / "masks").rglob("*.png")
    with Image.open(mask) as found:
        assert found.size == (LONG, 3)


@pytest.mark.parametrize("tool", ["coco", "labelme", "cvat", "label-studio"])
def test_a_very_long_image_with_hostile_names_is_labelled(hostile_model, strip, seglet, tmp_path, tool):
    done = seglet("label", hostile_model, strip / "images", "--tool", tool, "--threshold", 0, "--out", tmp_path / "out")
    assert done.code == 0, done.err
    written = [file for file in (tmp_path / "out").rglob("*") if file.suffix in (".json", ".xml") and file.is_file()]
    assert written
    assert not any("<script>" in file.read_text() for file in written if file.suffix == ".xml")


def test_a_network_that_looks_several_times_sees_a_very_long_image(strip, seglet, tmp_path):
    build(Architecture("ssss-resnet18", width=0.125), CLASSES).save(tmp_path / "model")
    done = seglet("predict", tmp_path / "model", strip / "images", "--scales", 1, 0.5, "--out", tmp_path / "out")
    assert done.code == 0, done.err


@pytest.mark.parametrize("words", [["predict"], ["label", "--tool", "coco"]])
def test_a_image_that_memory_is_too_small_for_is_passed_over(
    words, hostile_model, strip, seglet, tmp_path, monkeypatch
):
    Image.new("RGB", (40, 40)).save(strip / "images" / "small.png")
    forward = Segmenter.forward

    def starved(self, images):
        if images.shape[3] > 1000:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")
        return forward(self, images)

    monkeypatch.setattr(Segmenter, "forward", starved)
    command, *options = words
    done = seglet(command, hostile_model, strip / "images", *options, "--out", tmp_path / "out")
    assert (done.code, "failed: 1" in done.out, "--window 512 512" in done.out) == (2, True, True)


def test_a_fault_of_ours_is_not_laid_on_a_image():
    with pytest.raises(RuntimeError, match="shapes"):
        failure_reason(RuntimeError("shapes do not fit"))
