"""The engine with a method that has a teacher, adversaries and queues of past batches."""

import json
import subprocess
import sys

import pytest
import torch
from tests.engine.toys import ONE_THREAD, tiny

from seglet.cli.main import main
from seglet.data.world.scene import WORLD_CLASSES
from seglet.engine.failed_step import replay_failed_step
from seglet.engine.module import NonFiniteLossError
from seglet.engine.plan import plan_run
from seglet.engine.run import Run
from seglet.engine.train import StartOptions, train_experiment
from seglet.files import file_sha256
from seglet.methods.distill import Method
from seglet.models.segmenter import Architecture, build
from seglet.values import ConfigError

TERMS = [
    "kl",
    "ofa tap=stage2",
    "holistic width=4",
    "cirkd-memory pixel_slots=50 region_slots=50",
    "diffkd",
    "mse adaptor=plain",
]


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    folder = tmp_path_factory.mktemp("teacher") / "model"
    build(Architecture("deeplabv3-resnet18", width=0.125), WORLD_CLASSES).save(folder)
    return str(folder)


@pytest.fixture(scope="module")
def finished(teacher, tmp_path_factory):
    return train_experiment(distill(teacher), tmp_path_factory.mktemp("runs") / "run")


def distill(teacher, **keys):
    return tiny("distill", teacher=teacher, **{"terms": TERMS, "steps": 4, "selection": "last", **keys})


def weights(run):
    return file_sha256(run.last / "model.safetensors")


def test_the_teacher_is_scored_before_the_first_step(finished):
    first, *rest = [json.loads(line) for line in finished.metrics.read_text().splitlines()]
    assert first["step"] == 0
    assert 0 <= first["teacher/miou"] <= 1
    assert "train/diffkd-denoising" in rest[0]


def test_the_list_of_terms_survives_the_experiment_file(finished):
    from seglet.engine.experiment import resolve_experiment

    assert list(resolve_experiment(finished.experiment, {}).config.terms) == TERMS


def test_adversaries_queues_and_their_optimiser_resume_exactly(finished, teacher, tmp_path, monkeypatch):
    losses = Method.losses

    def dying(self, step, progress):
        if progress.step == 2:
            raise ZeroDivisionError
        return losses(self, step, progress)

    with monkeypatch.context() as patch:
        patch.setattr(Method, "losses", dying)
        with pytest.raises(ZeroDivisionError):
            train_experiment(distill(teacher), tmp_path / "run")
    assert weights(train_experiment(distill(teacher), tmp_path / "run", StartOptions(resume=True))) == weights(finished)


def test_images_without_masks_and_adaptive_weights_resume_exactly(teacher, tmp_path, monkeypatch):
    few = {"train_split": "1_8/labelled", "terms": ["kl"], "weigh_kd": True, "target_weight": 1.5, "steps": 2}
    experiment, losses = distill(teacher, **few, score_teacher=False), Method.losses
    whole = train_experiment(experiment, tmp_path / "whole")

    def dying(self, step, progress):
        if progress.step == 1:
            raise ZeroDivisionError
        return losses(self, step, progress)

    with monkeypatch.context() as patch:
        patch.setattr(Method, "losses", dying)
        with pytest.raises(ZeroDivisionError):
            train_experiment(experiment, tmp_path / "run")
    assert weights(train_experiment(experiment, tmp_path / "run", StartOptions(resume=True))) == weights(whole)
    logged = json.loads(whole.metrics.read_text().splitlines()[0])
    assert {"train/kappa", "train/weight/background", "train/tilt"} <= logged.keys()


def test_the_plan_names_every_term(teacher):
    text = plan_run(distill(teacher)).text()
    assert "term mse: weight 10 at feature, 8 → 16 channels, 1x1 adaptor" in text
    assert "term cirkd-memory: weight 1 at feature" in text


@pytest.fixture
def failed(teacher, tmp_path, monkeypatch):
    """Returns a run whose student becomes infinite in its second step."""
    after = Method.after_step
    with monkeypatch.context() as patch:
        patch.setattr(Method, "after_step", lambda self, progress: spoil(self) or after(self, progress))
        with pytest.raises(NonFiniteLossError, match=r"not finite: task, .*all samples: logits of the student are not"):
            train_experiment(distill(teacher), tmp_path / "run")
    return Run(tmp_path / "run")


def spoil(method):
    method.student.network.head.tail.classifier.weight.data[0, 0] = torch.inf


def test_a_failed_step_can_be_repeated(failed):
    again = replay_failed_step(failed)
    assert not torch.isfinite(again.losses.terms["kl"])
    assert torch.isfinite(again.losses.terms["diffkd-denoising"])
    assert again.findings == ["all samples: logits of the student are not finite"]


def test_the_replay_command_prints_the_result(failed, capsys):
    assert main(["replay", str(failed.folder), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["terms"]["kl"] is None
    assert main(["replay", str(failed.folder)]) == 0
    assert "all samples: logits of the student are not finite" in capsys.readouterr().out


def test_an_error_in_the_diagnosis_does_not_hide_the_loss(monkeypatch, teacher, tmp_path):
    def lost(self, step, progress):
        raise ValueError("the cause is not to be found")

    monkeypatch.setattr(Method, "diagnose_non_finite", lost)
    monkeypatch.setattr(Method, "after_step", lambda self, progress: spoil(self))
    with pytest.raises(NonFiniteLossError, match="not finite: task"):
        train_experiment(distill(teacher), tmp_path / "run")


def test_a_run_without_a_failed_step_has_nothing_to_replay(finished):
    with pytest.raises(ConfigError, match="nothing to replay"):
        replay_failed_step(finished)


def in_two_processes(teacher, folder, *more):
    words = "--world_size 32 --world_scenes 100 --crop 32 --batch 8 --workers 0 --width 0.0625 --devices 2"
    command = [sys.executable, "-m", "seglet", "train", "distill", "--out", str(folder), *words.split()]
    command += ["--teacher", teacher, "--accelerator", "cpu", *more]
    done = subprocess.run(command, capture_output=True, text=True, env=ONE_THREAD, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert Run(folder).last.is_dir()
    return done.stderr


@pytest.mark.slow
def test_two_processes_train_with_queues_and_adversaries(teacher, tmp_path):
    told = in_two_processes(teacher, tmp_path / "run", "--steps", "2", "--terms", *TERMS)
    assert told.count("the teacher: mIoU") == 1


@pytest.mark.slow
def test_two_processes_train_where_weights_are_zero(teacher, tmp_path):
    keys = ["--steps", "1", "--task_weight", "0", "--score_teacher", "false"]
    told = in_two_processes(teacher, tmp_path / "run", *keys, "--terms", "kl", "holistic adversarial=0")
    assert "no loss reaches auxiliary" in told
