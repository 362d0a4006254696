"""Training from few masks and many images, through the engine."""

import json

import pytest
import torch
from tests.engine.toys import tiny

from seglet.data.errors import DataError
from seglet.data.world.scene import WORLD_CLASSES
from seglet.engine.datasets import open_datasets
from seglet.engine.failed_step import replay_failed_step
from seglet.engine.module import NonFiniteLossError
from seglet.engine.plan import plan_run
from seglet.engine.run import Run
from seglet.engine.train import StartOptions, train_experiment
from seglet.files import file_sha256
from seglet.methods.fixmatch import Method
from seglet.models.segmenter import load

KEYS = {"train_split": "1_8/labelled", "threshold": 0.1, "student": "pspnet-resnet18", "batch": 2, "world_scenes": 40}


def semi(**keys):
    return tiny("fixmatch", **{**KEYS, **keys})


def digest(run):
    return file_sha256(run.last / "model.safetensors")


def test_a_run_prints_training_warnings_and_scores_both_networks(tmp_path, capsys):
    run = train_experiment(semi(guesser="average", keep="average", alarm_from=0.0), tmp_path / "run")
    lines = [json.loads(line) for line in run.metrics.read_text().splitlines()]
    assert {"train/strong", "train/confident", "train/share/background"} <= lines[0].keys()
    assert {"val/miou", "student/miou"} <= lines[-1].keys()
    error_output = capsys.readouterr().err
    assert "5 labelled and 35 unlabelled images: an epoch of these is 18 steps" in error_output
    assert "no labelled image shows" in error_output
    assert load(run.last).classes == WORLD_CLASSES


@pytest.mark.parametrize("keys", [{}, {"guesser": "average", "keep": "average", "partner": "reversed"}])
def test_a_run_that_broke_off_ends_with_the_same_weights(keys, tmp_path, monkeypatch):
    experiment = semi(steps=4, selection="last", validate_every=4, **keys)
    whole, after = train_experiment(experiment, tmp_path / "whole"), Method.after_step

    def broken(self, progress):
        if progress.step == 3:
            raise RuntimeError("the power is gone")
        after(self, progress)

    monkeypatch.setattr(Method, "after_step", broken)
    with pytest.raises(RuntimeError, match="power"):
        train_experiment(experiment, tmp_path / "part")
    monkeypatch.setattr(Method, "after_step", after)
    assert digest(train_experiment(experiment, tmp_path / "part", StartOptions(resume=True))) == digest(whole)


def test_unlabelled_images_that_are_labelled_are_refused_before_anything_is_written(tmp_path):
    with pytest.raises(DataError, match="also labelled, such as 'train-000000'"):
        train_experiment(semi(unlabelled_split="train"), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_training_split_without_counterpart_asks_for_one():
    experiment = semi(train_split="train")
    with pytest.raises(DataError, match="set unlabelled_split"):
        open_datasets(experiment.settings, experiment.config)


def test_methods_with_masks_learn_from_the_labelled_part_alone():
    experiment = tiny("supervised", train_split="1_8/labelled")
    sets = open_datasets(experiment.settings, experiment.config)
    assert {name: len(data) for name, data in sets.items()} == {"val": 100, "1_8/labelled": 12}


def test_a_plan_counts_the_unlabelled_images_too():
    made = plan_run(semi())
    assert made.samples == {"1_8/unlabelled": 35, "val": 100, "1_8/labelled": 5}
    assert any("epoch" in line for line in made.notes)


def test_a_step_that_failed_can_be_taken_again(tmp_path, monkeypatch):
    def spoil(self, progress):
        self.student.network.head.tail.classifier.weight.data[0, 0] = torch.nan

    monkeypatch.setattr(Method, "after_step", spoil)
    with pytest.raises(NonFiniteLossError, match="not finite: labelled"):
        train_experiment(semi(), tmp_path / "run")
    assert not torch.isfinite(replay_failed_step(Run(tmp_path / "run")).losses.total)


def test_one_labelled_image_is_enough(tmp_path):
    assert train_experiment(semi(train_split="1/labelled", steps=1), tmp_path / "run").last.is_dir()
