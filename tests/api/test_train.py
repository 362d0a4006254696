"""`seglet.train`: keys as on the command line, a run that goes on, columns that are computed before."""

import sys
from pathlib import Path

import pytest

import seglet
from seglet.engine.run import Run
from seglet.files import read_json
from seglet.methods.supervised import Config, Method
from seglet.models.segmenter import Segmenter
from seglet.types import Labelled, Losses, Progress
from seglet.values import ConfigError

TINY = {"steps": 2, "batch": 2, "crop": 32, "workers": 0, "validate_every": 2, "accelerator": "cpu", "width": 0.0625}
RATES = {"output_stride": 8, "optimiser": "sgd", "learning_rate": 0.02, "weight_decay": 1e-4}


@pytest.fixture
def run(folder: Path, tmp_path: Path) -> Run:
    """Two steps of the supervised method on the data set on disk."""
    keys = {"data": folder, "student": "deeplabv3-resnet18", **TINY, **RATES}
    return seglet.train("supervised", out=tmp_path / "runs/x", **keys)


def test_a_run_is_scored_loaded_and_described(run: Run, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert capsys.readouterr().out == ""
    scores = run.read_metrics()[-1]
    assert seglet.evaluate(run.model, folder, split="val").miou == pytest.approx(scores["val/miou"])
    assert seglet.load(run).classes == seglet.load(run.model).classes
    assert repr(run).endswith(f"supervised, step 2 of 2, best mIoU {100 * scores['val/miou']:.2f} % at step 2)")


def test_keys_are_those_of_the_command_line(run: Run, tmp_path: Path, folder: Path) -> None:
    kept = run.experiment.read_text()
    assert f"data: {folder}" in kept
    assert "crop:\n- 32\n- 32" in kept
    origin = read_json(run.record)["origin"]
    assert (origin["steps"], origin["warmup"], origin["power"]) == ("command line", "chosen", "default")


def test_a_run_teaches_the_next_one(run: Run, folder: Path, tmp_path: Path) -> None:
    student = seglet.train("fotf", data=folder, teacher=run, out=tmp_path / "student", **TINY)
    assert student.model.is_dir()


def test_an_interrupted_run_goes_on_from_its_folder_alone(run: Run) -> None:
    again = seglet.train(out=run.folder, resume=True)
    assert (again.folder, len(again.read_metrics())) == (run.folder, len(run.read_metrics()))


def test_a_folder_that_holds_a_run_is_not_written_over(run: Run, folder: Path) -> None:
    with pytest.raises(ConfigError, match="holds a run already"):
        seglet.train("supervised", data=folder, out=run.folder, **TINY)


def test_a_wrong_name_is_answered_with_the_nearest(folder: Path, network: Segmenter) -> None:
    with pytest.raises(ConfigError, match=r"unknown key 'step'.*did you mean 'steps'.* in the keywords"):
        seglet.train("supervised", data=folder, step=2)
    with pytest.raises(ValueError, match="no method 'supervized'; did you mean 'supervised'"):
        seglet.train("supervized")
    with pytest.raises(ConfigError, match="teacher: an experiment names files; save the model"):
        seglet.train("fotf", teacher=network)
    with pytest.raises(ConfigError, match="which experiment"):
        seglet.train()


def test_a_notebook_is_told_that_it_has_one_device(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "ps1", ">>> ", raising=False)
    with pytest.raises(ConfigError, match="cannot be started from a notebook"):
        seglet.train("supervised", data=folder, devices=2, batch=2)


def test_columns_are_computed_first_or_their_lack_is_an_error(tmp_path: Path) -> None:
    keys = {**TINY, "data": "world", "world_scenes": 24, "world_size": 32, "columns": str(tmp_path / "columns")}
    keys |= {"depth": "tiny-depth", "student": "ssss-resnet18", "learns_from": "masks", "distil": "none"}
    with pytest.raises(ConfigError, match="column 'depth' lacks"):
        seglet.train("dgkd", out=tmp_path / "without", prepare=False, **keys)
    run = seglet.train("dgkd", out=tmp_path / "with", **keys)
    assert run.last.is_dir()
    assert list(seglet.prepare("dgkd", **keys)) == ["depth"]


def test_a_method_without_columns_has_nothing_to_prepare() -> None:
    assert seglet.prepare("supervised", data="not opened at all") == {}


class Own(Method):
    """A method of one's own: the loss of the supervised one, doubled."""

    config_class = Config

    def losses(self, step: Labelled, progress: Progress) -> Losses:
        losses = super().losses(step, progress)
        return Losses(2 * losses.total, losses.terms)


def test_ones_own_method_is_trained_by_its_class(folder: Path, tmp_path: Path) -> None:
    keys = {"data": folder, "student": "deeplabv3-resnet18", **TINY, **RATES, "scale": (0.75, 1.5), "steps": 1}
    runs = (seglet.train(each, out=tmp_path / str(each), **keys) for each in (Own, "supervised"))
    doubled, usual = (each.read_metrics()[0]["train/loss"] for each in runs)
    assert doubled == pytest.approx(2 * usual, rel=1e-6)
