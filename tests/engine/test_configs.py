"""Every shipped experiment is built and takes a step, so none can rot."""

from pathlib import Path

import pytest
import torch
from tests.engine.toys import from_file

from seglet.engine.experiment import read_yaml
from seglet.engine.feed import datasets
from seglet.engine.module import TrainingModule
from seglet.engine.optimise import optimiser
from seglet.engine.plan import first_batch
from seglet.engine.train import build_method
from seglet.models.segmenter import Architecture, build

FILES = sorted((Path(__file__).parents[2] / "configs").glob("*/*.yaml"))


@pytest.fixture(scope="session")
def teacher(tmp_path_factory):
    from seglet.data.world import CLASSES

    folder = tmp_path_factory.mktemp("teacher") / "model"
    build(Architecture("deeplabv3-resnet18", width=0.0625), CLASSES).save(folder)
    return str(folder)


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_a_shipped_experiment_takes_a_step(file, teacher):
    taught = {"teacher": teacher} if read_yaml(file).get("teacher") else {}
    experiment = from_file(file, crop=64, world_size=64, batch=2, **taught)
    data = datasets(experiment.settings)["train"]
    method = build_method(experiment, data).train()
    before = [p.detach().clone() for p in method.parameters() if p.requires_grad]
    step = TrainingModule(method, experiment.settings)
    losses = method.losses(first_batch(data, experiment.settings, 2), step.progress())
    losses.total.backward()
    optimiser(method, experiment.settings).step()
    after = [p.detach() for p in method.parameters() if p.requires_grad]
    assert torch.isfinite(losses.total)
    assert all(torch.isfinite(p).all() for p in after)
    assert sum(not torch.equal(a, b) for a, b in zip(before, after, strict=True)) > len(after) // 2
