"""Runs and models that version 0.1.0 wrote are read, used and continued by this one."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from seglet.engine.experiment import resolve_experiment
from seglet.engine.run import Run
from seglet.engine.train import StartOptions, train_experiment
from seglet.files import write_json
from seglet.models.segmenter import load
from seglet.values import ConfigError

KEPT = Path(__file__).parents[1] / "fixtures" / "0.1.0"


def test_a_kept_run_is_resumed_without_force_to_the_weights_it_ended_with(tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(KEPT / "supervised", folder)
    shutil.rmtree(folder / "last")
    run = train_experiment(resolve_experiment(folder / "experiment.yaml", {}), folder, StartOptions(resume=True))
    expected, found = (load_file(place / "model.safetensors") for place in (KEPT / "supervised" / "last", run.last))
    assert expected.keys() == found.keys()
    for name, tensor in expected.items():  # sums may differ in the last bits on another processor
        torch.testing.assert_close(found[name], tensor, rtol=1e-4, atol=1e-5)
    assert not all(torch.equal(found[name], torch.zeros_like(found[name])) for name in found)


@pytest.mark.parametrize("run", ["supervised", "fotf"])
def test_a_kept_segmenter_predicts(run):
    segmenter = load(KEPT / run / "last")
    image = np.random.default_rng(0).integers(0, 256, (32, 48, 3), np.uint8)
    found = segmenter.predict(image)
    assert found.labels.shape == (32, 48)
    assert len(segmenter.classes) == 11
    np.testing.assert_allclose(found.probabilities.sum(0), 1, atol=1e-5)


def test_a_run_from_before_a_key_existed_has_its_default(tmp_path):
    experiment = resolve_experiment(KEPT / "supervised" / "experiment.yaml", {})
    values = {**experiment.values(), "scale": [0.5, 2.0], "flip": 0.5}
    run = Run(tmp_path / "run")
    run.start(experiment, {}, overwrite=False)
    for key in ("scale", "flip", "selection"):
        lines = [f"{k}: {json.dumps(v)}" for k, v in values.items() if k != key]
        run.experiment.write_text("\n".join(lines))
        write_json(run.record, {"data": {}})
        if key != "selection":
            run.resume(experiment, {}, force=False)
        else:  # its value is not the default
            with pytest.raises(ConfigError, match="selection: was 'miou', now 'last'"):
                run.resume(experiment, {}, force=False)
