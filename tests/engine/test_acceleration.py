"""Settings of speed: TF32, channels-last and compiled backbones change how is computed, not what is saved."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from tests.engine.toys import tiny

from seglet.data.world.scene import WORLD_CLASSES
from seglet.engine import acceleration
from seglet.engine.acceleration import accelerated, acceleration_notes, check_compiler, compiled_backbones
from seglet.engine.datasets import open_datasets
from seglet.engine.method_setup import build_method
from seglet.engine.settings import FREE_ON_RESUME, Settings
from seglet.engine.training_loader import first_batch
from seglet.models.architecture import Architecture
from seglet.models.distillation.feature_taps import forward_with_taps
from seglet.models.network import Network
from seglet.models.segmenter import build
from seglet.types import Progress
from seglet.values import ConfigError

IMAGES = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


class Counting:
    """Stands for a compiler: counts the calls of what it compiled."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def compiled(*given: Any) -> Any:
            self.calls += 1
            return function(*given)

        return compiled


@pytest.fixture
def network() -> Network:
    return build(Architecture("pspnet-resnet18", width=0.0625), WORLD_CLASSES, seed=0).network


def method():
    experiment = tiny(channels_last=True)
    return build_method(experiment, open_datasets(experiment.settings, experiment.config)["train"])


def test_compiled_backbones_keep_the_names_of_weights_and_are_plain_again_afterwards(network: Network) -> None:
    names, compiler = list(network.state_dict()), Counting()
    with compiled_backbones(network, compiler):
        network(IMAGES)
        assert list(network.state_dict()) == names
        assert compiler.calls == 1
    network(IMAGES)
    assert compiler.calls == 1
    assert "forward" not in vars(copy.deepcopy(network).backbone)


def test_the_backbones_of_teachers_are_compiled_too() -> None:
    experiment, compiler = tiny("fotf", teacher="ema"), Counting()
    data = open_datasets(experiment.settings, experiment.config)["train"]
    method = build_method(experiment, data).train()
    with compiled_backbones(method, compiler):
        method.losses(first_batch(experiment, data, 2, method.supervision), Progress(0, 1))
    assert compiler.calls == 2  # stochastic passes repeat the head alone


def test_predictions_of_images_of_many_sizes_are_not_compiled(network: Network) -> None:
    compiler = Counting()
    with compiled_backbones(network, compiler), torch.inference_mode():
        network(IMAGES)
    assert compiler.calls == 0


def test_a_stage_can_be_tapped_of_a_compiled_backbone_but_nothing_within(network: Network) -> None:
    plain = forward_with_taps(network.eval(), IMAGES, ["stage3"]).maps["stage3"]
    with compiled_backbones(network, Counting()):
        assert torch.equal(forward_with_taps(network, IMAGES, ["stage3"]).maps["stage3"], plain)
        inner = next(name for name, _ in network.named_modules() if name.startswith("backbone.") and "conv" in name)
        with pytest.raises(ConfigError, match="compile: maps are read from within a backbone"):
            forward_with_taps(network, IMAGES, [inner])


def test_channels_last_changes_the_place_of_weights_in_memory_and_not_their_values() -> None:
    trained, plain = method(), method()
    with accelerated(trained, Settings(channels_last=True)):
        pass
    convolution = trained.student.network.backbone.state_dict()
    kernel = next(weight for weight in convolution.values() if weight.ndim == 4 and min(weight.shape) > 1)
    assert kernel.is_contiguous(memory_format=torch.channels_last)
    assert all(
        torch.equal(a, b) for a, b in zip(trained.state_dict().values(), plain.state_dict().values(), strict=True)
    )


@pytest.mark.parametrize(("gpus", "expected"), [(True, "high"), (False, "highest")])
def test_tf32_is_arithmetic_of_gpus_and_ends_with_training(monkeypatch: pytest.MonkeyPatch, gpus, expected) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus)
    before = torch.get_float32_matmul_precision()
    with accelerated(method(), Settings(tf32=True)):
        assert torch.get_float32_matmul_precision() == expected
    assert torch.get_float32_matmul_precision() == before == "highest"
    assert acceleration_notes(Settings(tf32=True)) == (
        [] if gpus else ["tf32 has no effect on a processor: it is arithmetic of GPUs"]
    )


@pytest.mark.parametrize(("instructions", "told"), [({}, True), ({"avx512_bf16": True}, False), (None, False)])
def test_a_processor_without_bfloat16_is_told_of(monkeypatch: pytest.MonkeyPatch, instructions, told) -> None:
    facts = {} if instructions is None else {"architecture": "x86_64", **instructions}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: facts, raising=False)
    notes = acceleration_notes(Settings(precision="bf16-mixed", accelerator="cpu"))
    assert [note.startswith("precision bf16-mixed: this processor has no bfloat16") for note in notes] == [True] * told


def test_where_torch_cannot_compile_the_run_is_refused_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(function: Any) -> Any:
        raise RuntimeError("no working C++ compiler\nand a long trace")

    monkeypatch.setattr(acceleration, "compile_function", refuse)
    check_compiler(Settings())
    with pytest.raises(ConfigError, match=r"on this machine \(no working C\+\+ compiler\); .* compile false"):
        check_compiler(Settings(compile=True))


def test_settings_that_change_the_arithmetic_stay_as_they_are_when_a_run_resumes() -> None:
    assert not {"tf32", "channels_last", "compile"} & FREE_ON_RESUME
    assert acceleration_notes(Settings()) == []
