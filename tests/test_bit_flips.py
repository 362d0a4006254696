"""One flipped bit anywhere in a stored file: it is noticed, or what is read is what was written."""

import random
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.data.test_artefact import FEW, Mean
from tests.engine.toys import tiny

from seglet.data.artefact import read_artefact, write_artefact
from seglet.data.class_table import numbered_table
from seglet.data.description import Description, ImageItem, load_description
from seglet.engine.run import Run
from seglet.models.architecture import Architecture
from seglet.models.io.storage import read_segmenter, write_segmenter
from seglet.types import Classes

TRIALS = 150


def unnoticed(folder, file, read):
    """Flips that changed what is read, without an error."""
    content, expected, found = file.read_bytes(), read(folder), []
    draw = random.Random(0)
    for _ in range(TRIALS):
        bit = draw.randrange(8 * len(content))
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        file.write_bytes(changed)
        try:
            if read(folder) != expected:
                found.append(bit)
        except ValueError:
            pass
    file.write_bytes(content)
    return found


def test_of_a_description(tmp_path):
    items = tuple(ImageItem(f"a{n}", tmp_path / f"a{n}.png", image_hash="0" * 32) for n in range(3))
    entries = numbered_table(["background", "cat"])
    Description(tmp_path, "folders", entries, {"train": items}).save(tmp_path / "dataset.json")
    assert unnoticed(tmp_path / "dataset.json", tmp_path / "dataset.json", load_description) == []


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_of_a_segmenter(name, tmp_path):
    weights, classes = {"a": torch.ones(4)}, Classes.named(["background", "cat"])
    write_segmenter(tmp_path / "model", weights, Architecture("pspnet-resnet18"), classes)

    def read(folder):
        stored = read_segmenter(folder)
        return stored.architecture, stored.classes, stored.weights["a"].tolist()

    assert unnoticed(tmp_path / "model", tmp_path / "model" / name, read) == []


@pytest.mark.parametrize("name", ["artefact.json", "tensors.safetensors"])
def test_of_an_artefact(name, tmp_path):
    write_artefact(Mean(), tmp_path / "a", FEW, {"mean": torch.arange(200.0)})
    read = lambda folder: {name: each.tolist() for name, each in read_artefact(folder).items()}  # noqa: E731
    assert unnoticed(tmp_path / "a", tmp_path / "a" / name, read) == []


def test_of_an_experiment_that_is_resumed(tmp_path):
    run, experiment = Run(tmp_path / "run"), tiny()
    run.start(experiment, {}, overwrite=False)
    shutil.copytree(run.folder, tmp_path / "kept")

    def resumed(folder):
        shutil.copy(tmp_path / "kept/record.json", run.record)
        content = run.experiment.read_bytes()
        from seglet.engine.experiment import resolve_experiment

        values = resolve_experiment(run.experiment, {}).values()
        try:
            run.resume(replace(experiment), {}, force=False)
        finally:
            run.experiment.write_bytes(content)
        return values

    assert unnoticed(Path(run.folder), run.experiment, resumed) == []
