"""Training from tags: what is asked of the data, and what is done without any mask."""

import json
from dataclasses import replace

import pytest
from tests.engine.toys import tiny

from seglet.data.world.dataset import World
from seglet.data.world.scene import WORLD_CLASSES
from seglet.engine.train import train_experiment
from seglet.models.segmenter import load
from seglet.values import ConfigError


def ssss(**keys):
    return tiny("ssss", student="ssss-resnet18", mask_start=0.0, **keys)


def without(monkeypatch, **fields):
    read = World.read
    monkeypatch.setattr(World, "read", lambda self, index: replace(read(self, index), **fields))


def test_tags_make_a_segmenter(tmp_path):
    run = train_experiment(ssss(), tmp_path / "run")
    lines = [json.loads(line) for line in run.metrics.read_text().splitlines()]
    assert {"train/tags", "train/masks", "train/confident"} <= lines[0].keys()
    assert load(run.last).classes == WORLD_CLASSES


def test_masks_are_not_needed_when_nothing_is_selected_by_them(tmp_path, monkeypatch):
    without(monkeypatch, labels=None)
    run = train_experiment(ssss(selection="last"), tmp_path / "run")
    assert json.loads(run.metrics.read_text().splitlines()[-1])["val/miou"] is None
    assert load(run.model).classes == WORLD_CLASSES


def test_masks_to_select_by_are_asked_for_before_anything_is_written(tmp_path, monkeypatch):
    without(monkeypatch, labels=None)
    with pytest.raises(ConfigError, match=r"'val' have no masks to score on; .* selection: last"):
        train_experiment(ssss(), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_images_without_tags_are_refused_with_the_command_that_says_where_they_are(tmp_path, monkeypatch):
    without(monkeypatch, tags=None)
    with pytest.raises(ConfigError, match=r"'train' have no tags; .* seglet data check world --tags FILE"):
        train_experiment(ssss(), tmp_path / "run")
    assert not (tmp_path / "run").exists()
