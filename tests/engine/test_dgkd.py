"""DGKD-WLSS trained on the embedded world in the dark: pairs, the depth column, resuming, prediction."""

import json

import numpy as np
import pytest
import torch
from tests.engine.toys import tiny, two_processes

from seglet.cli.main import main
from seglet.data.world.dataset import World
from seglet.data.world.scene import WORLD_CLASSES
from seglet.engine.columns import datasets_with_columns, with_columns
from seglet.engine.datasets import open_datasets
from seglet.engine.prepare import PrepareOptions, prepare_experiment
from seglet.engine.train import StartOptions, train_experiment
from seglet.files import file_sha256
from seglet.methods.dgkd import Method
from seglet.models.segmenter import Architecture, build, load
from seglet.values import ConfigError

SCENES = 12
VIT = "ssss-clip_tiny"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Returns a folder with teachers, and with the true depth maps of the scenes at half their size."""
    folder = tmp_path_factory.mktemp("dgkd")
    for name, network in (("teacher", "ssss-resnet18"), ("transformer", VIT)):
        build(Architecture(network, width=0.0625), WORLD_CLASSES, seed=1).save(folder / name)
    for split, scenes in (("train", SCENES), ("val", 100)):
        world = World(split, scenes=scenes, size=16, columns=("depth",))
        (folder / "depth" / split).mkdir(parents=True)
        for index in range(scenes):
            np.save(folder / "depth" / split / f"{world.ids[index]}_depth.npy", world.read(index).columns["depth"])
    return folder


def dgkd(place, **keys):
    folders = {"teacher": str(place / "teacher"), "depth_files": str(place / "depth"), "columns": str(place / "kept")}
    small = {
        "student": "ssss-resnet18",
        "projected": 8,
        "mask_start": 0.0,
        "score_teacher": False,
        "steps": 3,
        "denoise_steps": 2,
    }
    return tiny("dgkd", **{**small, **folders, "world_scenes": SCENES, "scales": (1.0,), **keys})


@pytest.fixture(scope="module")
def finished(place, tmp_path_factory):
    prepare_experiment(dgkd(place), PrepareOptions(torch.device("cpu")), lambda text: None)
    return train_experiment(dgkd(place), tmp_path_factory.mktemp("whole") / "run")


def test_images_are_dark_and_the_teacher_gets_the_light_ones(place, finished):
    experiment = dgkd(place)
    data = with_columns(experiment, open_datasets(experiment.settings, experiment.config)["train"])
    sample, scene = data.read(3), World("train", scenes=SCENES, size=32).scene(3)
    np.testing.assert_array_equal(sample.image, scene.dark)
    np.testing.assert_array_equal(sample.columns["light"], scene.image)
    assert sample.columns["depth"].shape == (16, 16)


def test_all_terms_are_logged_and_only_the_student_is_saved(finished):
    lines = [json.loads(line) for line in finished.metrics.read_text().splitlines()]
    assert {"train/tags", "train/masks", "train/deep-denoising", "train/mask-distillation"} <= lines[0].keys()
    kept = load(finished.last)
    assert kept.architecture.depth is not None
    assert not any("denoiser" in name or "branches" in name for name, _ in kept.named_parameters())


def resumed(experiment, folder, monkeypatch):
    """Returns a run that fails in its last step and is resumed."""
    losses = Method.losses

    def failing(self, step, progress):
        if progress.step == 2:
            raise ZeroDivisionError
        return losses(self, step, progress)

    with monkeypatch.context() as patch:
        patch.setattr(Method, "losses", failing)
        with pytest.raises(ZeroDivisionError):
            train_experiment(experiment, folder)
    return train_experiment(experiment, folder, StartOptions(resume=True))


def test_a_failed_run_resumes_to_the_same_weights(finished, place, tmp_path, monkeypatch):
    again = resumed(dgkd(place), tmp_path / "run", monkeypatch)
    assert file_sha256(again.last / "model.safetensors") == file_sha256(finished.last / "model.safetensors")


@pytest.mark.slow
def test_a_vision_transformer_trains_resumes_and_is_saved_alone(finished, place, tmp_path, monkeypatch):
    experiment = dgkd(place, student=VIT, teacher=str(place / "transformer"), validate_every=3)
    whole = train_experiment(experiment, tmp_path / "whole")
    again = resumed(experiment, tmp_path / "run", monkeypatch)
    assert file_sha256(again.last / "model.safetensors") == file_sha256(whole.last / "model.safetensors")
    kept = load(again.last)
    assert len(kept.network.backbone.fusion.transforms) == 3
    assert not any("denoiser" in name or "branches" in name for name, _ in kept.named_parameters())


@pytest.mark.slow
def test_two_processes_share_a_step_and_resume_to_the_same_weights(finished, place, tmp_path):
    whole, again = two_processes(dgkd(place, steps=2, batch=8), tmp_path)
    assert again == whole
    first, last = logged(tmp_path / "run")
    assert {"train/tags", "train/masks", "train/deep-denoising"} <= first.keys()
    assert "val/miou" in last


def logged(run):
    """Returns the metrics of the first and of the last step."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for line in lines if line["step"] == step for k, v in line.items()} for step in (1, 2)]


def test_depth_is_computed_for_training_and_validation_images(place):
    found = [(data.ids[0], [column.name for column in wanted]) for data, wanted in datasets_with_columns(dgkd(place))]
    assert found == [("train-000000", ["depth"]), ("val-000000", ["depth"])]
    assert [len(wanted) for _, wanted in datasets_with_columns(dgkd(place, fusion="none"))] == [0]


def test_training_without_the_column_names_the_command(place, tmp_path):
    with pytest.raises(ConfigError, match=r"column 'depth' lacks 100 of 100 images .*\n.*seglet prepare dgkd"):
        train_experiment(dgkd(place, columns=str(tmp_path / "empty")), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def evaluate(finished, tmp_path, *words):
    data = ("--data", "world:dark=1,scenes=4,size=32", "--split", "val", "--scales", "1")
    return main(["evaluate", str(finished.last), *data, *words, "--out", str(tmp_path / "scores.json")])


def test_evaluation_uses_depth_maps_and_says_if_there_are_none(finished, place, tmp_path, capsys):
    assert evaluate(finished, tmp_path, "--depth", str(place / "depth")) == 0
    assert json.loads((tmp_path / "scores.json").read_text())["depth"] == str(place / "depth")
    assert evaluate(finished, tmp_path) == 2
    assert "trained with depth from files: give those of the images with --depth FOLDER" in capsys.readouterr().err
    assert evaluate(finished, tmp_path, "--depth", str(tmp_path)) == 2
    assert "holds no depth maps" in capsys.readouterr().err


def test_a_network_of_colour_images_alone_takes_no_depth(place, capsys):
    words = ["--data", "world:scenes=2,size=32", "--depth", str(place / "depth")]
    assert main(["evaluate", str(place / "teacher"), *words]) == 2
    assert "--depth is for networks that take depth" in capsys.readouterr().err


def test_images_are_segmented_with_their_depth_maps(finished, place, tmp_path):
    world = World("val", scenes=1, size=32, dark=True)
    from PIL import Image

    Image.fromarray(world.read(0).image).save(tmp_path / "val-000000.png")
    words = [str(tmp_path / "val-000000.png"), "--out", str(tmp_path / "out"), "--depth", str(place / "depth")]
    assert main(["predict", str(finished.last), *words]) == 0
    assert (tmp_path / "out" / "masks" / "val-000000.png").is_file()
