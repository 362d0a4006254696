"""Whole runs with the student's average, and with a segmenter of transformers, as the teacher."""

import json

import pytest
from safetensors.torch import load_file
from tests.engine.toys import tiny
from tests.models.foundation.segmenter_makers import save_segmenter

from seglet.data.world.scene import WORLD_CLASSES
from seglet.engine.module import TrainingModule
from seglet.engine.train import StartOptions, train_experiment
from seglet.files import file_sha256
from seglet.models.foundation.loading import quiet_libraries


@pytest.mark.parametrize("keys", [{"method": "distill", "terms": ["kl", "dist"]}, {"method": "fotf"}], ids=str)
def test_a_run_with_its_own_average_as_teacher_resumes_to_the_same_weights(keys, tmp_path, monkeypatch):
    experiment = tiny(**keys, teacher="ema", ema_momentum=0.5, steps=4, selection="last")
    whole = train_experiment(experiment, tmp_path / "whole")
    finish = TrainingModule.finish_step

    def dying(self):
        if self.step == 4:
            raise ZeroDivisionError
        finish(self)

    with monkeypatch.context() as patch:
        patch.setattr(TrainingModule, "finish_step", dying)
        with pytest.raises(ZeroDivisionError):
            train_experiment(experiment, tmp_path / "run")
    resumed = train_experiment(experiment, tmp_path / "run", StartOptions(resume=True))
    digests = {file_sha256(run.last / "model.safetensors") for run in (whole, resumed)}
    assert len(digests) == 1
    checkpoints = [sorted((run.folder / "checkpoints").glob("step-*"))[-1] for run in (whole, resumed)]
    averages = {file_sha256(folder / "tensors.safetensors") for folder in checkpoints}
    assert len(averages) == 1


def test_a_vision_transformer_teaches_the_stages_of_a_convolutional_student(tmp_path, capsys):
    with quiet_libraries():
        save_segmenter(tmp_path / "hub", "dpt", WORLD_CLASSES.names)
    terms = ["ofa tap=logits", *(f"ofa tap=stage{stage}" for stage in (1, 2, 3, 4))]
    run = train_experiment(tiny("distill", teacher=f"hf:{tmp_path / 'hub'}", terms=terms), tmp_path / "run")
    assert "term ofa-stage1: weight 1 at stage1 of the student, logits of the teacher" in capsys.readouterr().err
    step = json.loads(run.metrics.read_text().splitlines()[1])
    assert all(step[f"train/{name}-target"] > 0 for name in ("ofa-logits", "ofa-stage1", "ofa-stage4"))
    assert not any("terms" in name for name in load_file(run.last / "model.safetensors"))


def test_a_segmenter_of_transformers_is_scored_on_the_classes_it_shares(tmp_path, capsys):
    names = [*WORLD_CLASSES.names[:-1], "wall"]
    with quiet_libraries():
        save_segmenter(tmp_path / "hub", "segformer", names)
    experiment = tiny("distill", teacher=f"hf:{tmp_path / 'hub'}", terms=["kl", "dist"])
    run = train_experiment(experiment, tmp_path / "run")
    told = capsys.readouterr().err
    assert f"the teacher lacks {WORLD_CLASSES.names[-1]}" in told
    assert f"over its {len(names) - 1} shared classes" in told
    first = json.loads(run.metrics.read_text().splitlines()[0])
    assert 0 <= first["teacher/miou"] <= 1
    weights = sorted((run.folder / "checkpoints").glob("step-*"))[-1] / "tensors.safetensors"
    assert weights.stat().st_size < 3_000_000
