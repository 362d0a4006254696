"""Every shipped experiment is built and takes a step, so none can rot."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.engine.toys import from_file
from tests.methods.random_classifier import random_classifier

from seglet.data.dataset import Dataset
from seglet.engine.datasets import open_datasets
from seglet.engine.experiment import resolve_experiment
from seglet.engine.experiment_file import experiments_in
from seglet.engine.method_setup import build_method
from seglet.engine.module import TrainingModule
from seglet.engine.optimise import build_optimiser
from seglet.engine.training_loader import first_batch
from seglet.models.backbones.variants import SOURCE_SCHEMES
from seglet.models.segmenter import Architecture, build

CONFIGS = Path(__file__).parents[2] / "configs"
EXPERIMENTS = [source for file in sorted(CONFIGS.rglob("*.yaml")) for source in experiments_in(file)]


ALONE = {"attention": "identity", "cache_from": "none"}


@pytest.fixture(scope="session")
def teacher(tmp_path_factory):
    from seglet.data.world.scene import WORLD_CLASSES

    folder = tmp_path_factory.mktemp("teacher") / "model"
    build(Architecture("deeplabv3-resnet18", width=0.0625), WORLD_CLASSES).save(folder)
    for name in ("ssss-resnet18", "ssss-wideresnet38", "deeplabv3-resnet101"):  # of DGKD, in the light
        build(Architecture(name, width=0.0625), WORLD_CLASSES).save(folder.parent / name)
    return str(folder)


class Deep(Dataset):
    """A data set with a column of depth that no network computed."""

    def __init__(self, data):
        self.data, self.classes, self.ids, self.fingerprint = data, data.classes, data.ids, data.fingerprint

    def read(self, index):
        sample = self.data.read(index)
        depth = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
        return replace(sample, columns={**sample.columns, "depth": depth}, kinds={**sample.kinds, "depth": "image"})


class Answered(Dataset):
    """A data set with a column of scores that no network computed."""

    def __init__(self, data):
        self.data, self.classes, self.ids, self.fingerprint = data, data.classes, data.ids, data.fingerprint

    def read(self, index):
        sample = self.data.read(index)
        scores = np.full((4, 4, len(self.classes) - 1), 200, np.uint8)
        return replace(
            sample, columns={**sample.columns, "concepts": scores}, kinds={**sample.kinds, "concepts": "grid"}
        )


def smaller(source: str, teacher: str) -> dict[str, object]:
    """Returns keys that bring an experiment down to a fraction of a second; terms keep their weights and options."""
    content = resolve_experiment(source, {}).values()
    keys: dict[str, object] = {"teacher": teacher} if content.get("teacher") else {}
    if content["method"] == "diclip":  # a miniature of CLIP, and nothing that `prepare` makes; test_diclip.py has both
        return {"crop": 64, "world_size": 64, "clip_model": "tiny-clip", "prompts": "world", **ALONE}
    if content["method"] == "weclip":
        return {"crop": 64, "world_size": 64, "clip_model": "tiny-clip", "prompts": "world"}
    if content["method"] == "afa":
        keys |= {"width": 0.25, "freeze_norms": False, "student_weights": None}
    if content["method"] == "clip-es":
        keys |= {"clip_model": "tiny-clip", "prompts": "world", "width": 0.0625}
    if content["pretrained"].startswith(SOURCE_SCHEMES):  # no hub is asked; tests/models has folders in these layouts
        keys["pretrained"] = "none"
    if "-hf:" in content["student"]:  # the same head on a miniature; tests/models has such backbones
        keys |= {"student": f"{content['student'].partition('-')[0]}-clip_tiny", "width": 0.0625}
    if content["method"] == "imagenet":  # a classifier of chance, no package
        keys |= {"classifier_weights": random_classifier(Path(teacher).parent), "classifier": "efficientnet_lite0"}
        keys |= {"pretrained": "none", "groups": "", "width": 0.125}
    if content["method"] == "concepts":
        keys |= {"pretrained": "none", "prompts": "", "width": 0.125}
    if "wideresnet38" in content["student"]:
        keys["width"] = 0.0625
    if content["method"] == "viladiff":  # weights and columns are not at hand; tests/engine/test_viladiff.py has both
        keys |= {"width": 0.0625, "student_weights": None, "captions": None}
    if content["method"] == "dgkd":
        keys |= {"teacher": str(Path(teacher).parent / f"{content['student']}"), "projected": 8, "width": 0.0625}
    if content["method"] != "distill":
        return {"crop": 64, "world_size": 64, **keys}
    patches = any(term.startswith("afdcd") for term in content["terms"])  # need a map of 16 x 16
    side = 64 if not patches else 512 if "segformer" in content["student"] else 128
    return {"crop": side, "world_size": 64, "width": 0.0625, **keys}


@pytest.mark.parametrize("source", EXPERIMENTS, ids=lambda source: Path(source).relative_to(CONFIGS).as_posix())
def test_a_shipped_experiment_takes_a_step(source, teacher):
    experiment = from_file(source, batch=2, **smaller(source, teacher))
    data = open_datasets(experiment.settings, experiment.config)[experiment.settings.train_split]
    data = {"dgkd": Deep, "concepts": Answered}.get(experiment.method, lambda plain: plain)(data)
    method = build_method(experiment, data).train()
    before = [p.detach().clone() for p in method.parameters() if p.requires_grad]
    step = TrainingModule(method, experiment.settings)
    losses = method.losses(first_batch(experiment, data, 2, method.supervision), step.progress())
    losses.total.backward()
    build_optimiser(method, experiment.settings).step()
    after = [p.detach() for p in method.parameters() if p.requires_grad]
    assert torch.isfinite(losses.total)
    assert all(torch.isfinite(p).all() for p in after)
    assert sum(not torch.equal(a, b) for a, b in zip(before, after, strict=True)) > len(after) // 2
