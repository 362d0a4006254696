"""Trackers of experiments, offline, with their real packages where those are installed."""

import csv
import json

import pytest
from lightning.pytorch.loggers.logger import DummyLogger
from tests.engine.toys import tiny

from seglet.engine import trackers
from seglet.engine.trackers import Tracker, check_trackers
from seglet.engine.train import StartOptions, train_experiment
from seglet.values import ConfigError


def test_csv_has_every_metric_of_a_run_and_of_its_resumption(tmp_path):
    run = train_experiment(tiny(log=("csv",)), tmp_path / "run")
    train_experiment(tiny(log=("csv",)), tmp_path / "run", StartOptions(resume=True))
    rows = list(csv.DictReader((run.folder / "log" / "metrics.csv").read_text().splitlines()))
    lines = run.read_metrics()
    assert [int(row["step"]) for row in rows] == [line["step"] for line in lines]
    assert [row["val/miou"] for row in rows if row["val/miou"]] == [
        repr(li["val/miou"]) for li in lines if "val/miou" in li
    ]


def test_tensorboard_has_scalars_experiment_and_images(tmp_path):
    pytest.importorskip("tensorboard", reason="the extra seglet[log] is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = train_experiment(tiny(tensorboard=True), tmp_path / "run")
    events = EventAccumulator(str(run.folder / "events"), {"images": 0})
    events.Reload()
    last = next(line["val/miou"] for line in reversed(run.read_metrics()) if "val/miou" in line)
    assert events.Scalars("val/miou")[-1].value == pytest.approx(last)
    assert events.Tags()["images"]
    assert (run.folder / "events" / "hparams.yaml").is_file()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # MLflow's, of SQLAlchemy
def test_mlflow_keeps_one_run_over_a_resumption_in_the_folder(tmp_path, monkeypatch):
    pytest.importorskip("mlflow", reason="the extra seglet[mlflow] is not installed")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    run = train_experiment(tiny(log=("mlflow",)), tmp_path / "run")
    first = json.loads((run.folder / "log" / "ids.json").read_text())
    train_experiment(tiny(log=("mlflow",)), tmp_path / "run", StartOptions(resume=True))
    assert json.loads((run.folder / "log" / "ids.json").read_text()) == first
    kept = {path.name for path in (run.folder / "log" / "mlruns").rglob("*.*")}
    assert {"model-card.md", *(path.name for path in run.samples.glob("*.png"))} <= kept


@pytest.mark.slow
def test_wandb_offline_keeps_its_run_in_the_folder(tmp_path, monkeypatch):
    pytest.importorskip("wandb", reason="the extra seglet[wandb] is not installed")
    monkeypatch.setenv("WANDB_MODE", "offline")
    run = train_experiment(tiny(log=("wandb",)), tmp_path / "run")
    number = json.loads((run.folder / "log" / "ids.json").read_text())["wandb"]
    assert list((run.folder / "log" / "wandb").glob(f"offline-run-*-{number}/run-{number}.wandb"))


@pytest.mark.parametrize(("name", "extra"), [("tensorboard", "log"), ("wandb", "wandb"), ("mlflow", "mlflow")])
def test_a_missing_package_is_told_of_before_anything_is_written(tmp_path, monkeypatch, name, extra):
    monkeypatch.setattr(trackers.importlib.util, "find_spec", lambda package: None)
    with pytest.raises(ConfigError, match=rf"log: {name} is not installed; run `pip install 'seglet\[{extra}\]'`"):
        train_experiment(tiny(log=(name,)), tmp_path / "run")
    assert not (tmp_path / "run").exists()
    check_trackers(("csv",))


def test_a_tracker_that_fails_is_left_out_and_the_run_goes_on(capsys):
    class Lost(DummyLogger):
        calls = 0

        def log_metrics(self, *_):
            self.calls += 1
            raise OSError("network is down")

    tracker = Tracker("wandb", lost := Lost(), print, print)
    tracker.scalars(1, {"loss": 1.0})
    tracker.scalars(2, {"loss": 1.0})
    assert lost.calls == 1
    assert "warning: wandb stopped taking results (network is down)" in capsys.readouterr().err
