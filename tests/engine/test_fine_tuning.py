"""Fine-tuning: frozen parts, rates by depth and other classes, in runs that stop and go on."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tests.engine.toys import tiny

from seglet.data.world.dataset import World
from seglet.engine.experiment import Experiment, resolve_experiment
from seglet.engine.fine_tuning import fine_tuning_note
from seglet.engine.method_setup import build_method, training_notes
from seglet.engine.optimise import build_optimiser
from seglet.engine.train import StartOptions, train_experiment
from seglet.methods.base import Method
from seglet.models.architecture import Architecture
from seglet.models.segmenter import build
from seglet.types import Classes
from seglet.values import ConfigError

DATA = World("train", 2, size=32)


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A saved network of three of the world's classes, in another order, and one that the world lacks."""
    folder = tmp_path_factory.mktemp("start") / "model"
    build(Architecture("deeplabv3-resnet18", width=0.0625), Classes.named(["ball", "hat", "background"]), 3).save(
        folder
    )
    return str(folder)


def method_of(experiment: Experiment) -> Method[Any]:
    return build_method(experiment, DATA)


def rates(experiment: Experiment) -> dict[str, float]:
    method = method_of(experiment)
    names = {id(weight): name for name, weight in method.student.network.named_parameters()}
    groups = build_optimiser(method, experiment.settings).param_groups
    return {names[id(weight)]: group.get("rate", 1.0) for group in groups for weight in group["params"]}


def test_rates_of_depth_head_and_biases_multiply() -> None:
    found = rates(tiny(layer_decay=0.5, head_rate=10.0, bias_rate=2.0))
    assert found["backbone.stem.0.conv.weight"] == 0.5**9
    assert found["backbone.layer4.1.conv2.conv.weight"] == 0.5
    assert found["backbone.layer4.0.conv2.norm.bias"] == 0.5**2 * 2
    assert found["head.tail.classifier.weight"] == 10
    assert found["head.tail.classifier.bias"] == 20


def test_without_these_keys_there_is_one_group_of_all_parameters() -> None:
    experiment = tiny()
    method = method_of(experiment)
    (group,) = build_optimiser(method, experiment.settings).param_groups
    assert all(a is b for a, b in zip(group["params"], method.parameters(), strict=True))
    assert "rate" not in group
    assert fine_tuning_note(method, experiment.settings) == ""


def test_frozen_parts_have_no_rate(start: str) -> None:
    found = rates(tiny(student_weights=start, freeze="stage3", layer_decay=0.5))
    assert min(found.values()) == 0.5**2
    assert not any(name.startswith(("backbone.stem", "backbone.layer1", "backbone.layer3")) for name in found)


def test_a_run_says_in_a_line_what_it_freezes_and_how_fast_the_rest_learns(start: str) -> None:
    keys = {"freeze": "stage3", "layer_decay": 0.5, "head_rate": 10.0, "learning_rate": 0.02}
    experiment = tiny(student_weights=start, **keys)
    lines = training_notes(method_of(experiment), experiment, DATA)
    (line,) = (line for line in lines if line.startswith("frozen"))
    assert line.startswith("frozen: the stem to stage3, ")
    assert line.endswith("parameters; learning rates: backbone 0.005 to 0.01, head 0.2")
    assert any(line.startswith("classifier: kept the weights of 2 of 11 classes (background, ball)") for line in lines)


def test_random_weights_are_not_frozen() -> None:
    with pytest.raises(ConfigError, match="freeze: backbone would keep random weights"):
        method_of(tiny(freeze="backbone"))


def test_stochastic_depth_needs_a_transformer() -> None:
    with pytest.raises(ConfigError, match="drop_path: resnet18 has no blocks that are left out"):
        method_of(tiny(drop_path=0.2))


@pytest.mark.parametrize(("key", "value"), [("layer_decay", 0.0), ("layer_decay", 1.5), ("patience", -1)])
def test_values_out_of_range_are_refused(key: str, value: float) -> None:
    with pytest.raises(ConfigError, match=key):
        tiny(**{key: value})


def test_a_fine_tuned_run_keeps_what_is_frozen_and_resumes_exactly(start: str, tmp_path: Path) -> None:
    experiment = tiny(student_weights=start, freeze="stage2", layer_decay=0.7, steps=4, validate_every=2)
    run = train_experiment(experiment, tmp_path / "run")
    given, last = load_file(Path(start) / "model.safetensors"), load_file(run.last / "model.safetensors")
    for name in last:
        frozen = name.startswith(("backbone.stem", "backbone.layer1", "backbone.layer2"))
        if frozen or name.startswith("backbone.layer4.1.conv2.conv"):
            assert torch.equal(given[name], last[name]) == frozen, name
    shutil.rmtree(run.checkpoints / "step-0000004")
    shutil.rmtree(run.last)
    again = train_experiment(resolve_experiment(run.experiment, {}), run.folder, StartOptions(resume=True))
    found = load_file(again.last / "model.safetensors")
    assert all(torch.equal(found[name], last[name]) for name in last)
