"""The saved model is the best by any score of a validation, and training stops when none gets better."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.engine.toys import tiny

from seglet.engine.experiment import resolve_experiment
from seglet.engine.metrics import MetricsFile
from seglet.engine.run import Run
from seglet.engine.settings import Selection, Settings
from seglet.engine.train import StartOptions, train_experiment
from seglet.engine.validation import Validation, out_of_patience
from seglet.evaluation.result import Evaluation
from seglet.files import file_sha256
from seglet.inference.from_tags import classes_named
from seglet.types import Classes
from seglet.values import ConfigError

CLASSES = Classes.named(["background", "crack", "rust stain"])


def evaluation() -> Evaluation:
    """One image of two rows: of two pixels of crack one is found, and nothing else is called so."""
    found = Evaluation(CLASSES, replicas=0, boundary=True)
    labels = torch.tensor([[0, 0, 1, 1]], dtype=torch.uint8)
    pred = torch.tensor([[0, 0, 1, 0]], dtype=torch.uint8)
    found.add("a", labels, pred, torch.ones(1, 4))
    return found


@pytest.mark.parametrize(
    ("name", "merit"),
    [
        ("iou:crack", 1 / 2),
        ("iou:background", 2 / 3),
        ("iou:Crack", 1 / 2),
        ("miou", 7 / 12),
        ("pixel_accuracy", 3 / 4),
        ("mean_accuracy", 3 / 4),
        ("ece", -1 / 4),
        ("boundary_iou", 7 / 12),
        ("last", 40),
    ],
)
def test_every_score_can_select(name: str, merit: float) -> None:
    selection = Selection.parse(name)
    assert selection.merit(selection.scores(evaluation()), 40) == pytest.approx(merit)


def test_a_class_that_occurs_nowhere_has_no_score() -> None:
    selection = Selection.parse("iou:rust_stain")
    assert np.isnan(selection.merit(selection.scores(evaluation()), 1))


@pytest.mark.parametrize(
    ("name", "message"),
    [("miuo", "no score 'miuo'; did you mean 'miou'"), ("iou:", "choose from"), ("loss", "choose from miou")],
)
def test_unknown_scores_are_refused_before_training(name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        tiny(selection=name)


def test_an_unknown_class_proposes_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no class 'bal'; did you mean 'ball'"):
        train_experiment(tiny(selection="iou:bal"), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_patience_needs_a_score() -> None:
    with pytest.raises(ConfigError, match="patience: the last model is always the newest"):
        tiny(selection="last", patience=2)


def kept(tmp_path: Path, selection: str, scores: list[dict[str, float]]) -> int:
    """Returns the step whose model is kept, of validations at steps 1, 2 and so on."""
    validation = Validation(
        lambda predict: {}, Run(tmp_path), MetricsFile(tmp_path / "m", False), print, classes_named(["crack"])
    )
    merits = [Selection.parse(selection).merit(found, step) for step, found in enumerate(scores, 1)]
    return max(step for step, merit in enumerate(merits, 1) if validation.improves(merit, step))


def test_of_errors_the_lowest_is_kept(tmp_path: Path) -> None:
    assert kept(tmp_path, "ece", [{"ece_10": error} for error in (0.3, 0.1, 0.2)]) == 2


def test_of_equal_models_and_models_without_score_the_first_is_kept(tmp_path: Path) -> None:
    assert kept(tmp_path, "miou", [{"miou": score} for score in (0.3, 0.3, np.nan)]) == 1
    assert kept(tmp_path, "iou:crack", [{"iou:crack": np.nan}, {"iou:crack": 0.0}]) == 2


@pytest.mark.parametrize(
    ("step", "best", "patience", "expected"),
    [(8, 4, 2, True), (6, 4, 2, False), (7, 4, 2, False), (8, 4, 0, False), (10, 4, 2, False), (4, 0, 2, False)],
)
def test_patience_counts_validations_since_the_best(step: int, best: int, patience: int, expected: bool) -> None:
    assert out_of_patience(step, best, Settings(steps=10, validate_every=2, patience=patience)) == expected


KEYS = {"steps": 40, "validate_every": 2, "checkpoint_every": 5, "patience": 2, "learning_rate": 0.0}


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that learns nothing, but for batch-norm statistics, which the score ignores: accuracy of a dead class."""
    return train_experiment(tiny(selection="iou:arrow", **KEYS), tmp_path_factory.mktemp("early") / "run")


def test_a_run_out_of_patience_stops_and_is_complete(stopped: Run) -> None:
    record, lines = json.loads(stopped.record.read_text()), stopped.read_metrics()
    best, end = record["stopped_early"]["best_step"], record["stopped_early"]["step"]
    assert end == best + 4 < 40
    assert (stopped.last / "model.safetensors").is_file()
    assert (stopped.checkpoints / f"step-{end:07d}").is_dir()
    assert {line["step"] for line in lines if "val/iou:arrow" in line} == set(range(2, end + 1, 2))
    assert max(line["step"] for line in lines if "train/loss" in line) == end


def test_a_run_that_stopped_early_resumes_to_the_same_end(stopped: Run) -> None:
    digest, record = file_sha256(stopped.last / "model.safetensors"), json.loads(stopped.record.read_text())
    metrics = stopped.metrics.read_text()
    (stopped.last / "model.safetensors").unlink()
    experiment = resolve_experiment(stopped.experiment, {})
    train_experiment(experiment, stopped.folder, StartOptions(resume=True))
    assert file_sha256(stopped.last / "model.safetensors") == digest
    assert json.loads(stopped.record.read_text())["stopped_early"] == record["stopped_early"]
    assert stopped.metrics.read_text() == metrics


def test_an_interrupted_run_stops_where_it_would_have(stopped: Run, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(stopped.folder, folder)
    end = json.loads(stopped.record.read_text())["stopped_early"]["step"]
    shutil.rmtree(folder / "checkpoints" / f"step-{end:07d}")
    run = train_experiment(resolve_experiment(folder / "experiment.yaml", {}), folder, StartOptions(resume=True))
    assert json.loads(run.record.read_text())["stopped_early"]["step"] == end
    assert file_sha256(run.last / "model.safetensors") == file_sha256(stopped.last / "model.safetensors")
