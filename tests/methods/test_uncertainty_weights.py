from typing import Any

import pytest
import torch
from tests.methods.toys import fotf, labelled
from torch import nn

from seglet.methods.fotf import Config
from seglet.methods.uncertainty_weights import (
    Deviations,
    LossWeights,
    NetworkPass,
    StepPasses,
    UncertaintyWeights,
    sample_deviations,
)
from seglet.models.layers.dropout import noise_from
from seglet.tensors import running_mean_and_deviation
from seglet.types import IGNORE, Progress, Target


def weigh(config: Config, sigma: torch.Tensor, target: Target, **changes: Any) -> LossWeights:
    passes = StepPasses(NetworkPass(nn.Identity(), sigma, None), target, **changes)
    return UncertaintyWeights(config).weigh(Deviations(sigma, sigma), passes, step=0)


@pytest.mark.parametrize("student", ["deeplabv3-resnet18", "pspnet-resnet18", "segformer-mit_b0"])
def test_repeating_the_tail_equals_repeating_the_whole_network(student: str) -> None:
    network = fotf(distils=False, student=student, width=0.25, auxiliary_weight=0.0).student.network
    network.backbone.apply(lambda part: setattr(part, "p", 0) if hasattr(part, "p") else None)  # no DropPath
    images, config = labelled().images, Config(samples=4)
    with noise_from(network, torch.Generator().manual_seed(7)):
        draws = [network(images).logits.softmax(dim=1).detach() for _ in range(4)]
    naive = running_mean_and_deviation(draws)[1]
    ours = sample_deviations(
        config, network, network.embed(images).trunk, images.shape[-2:], torch.Generator().manual_seed(7)
    )
    torch.testing.assert_close(ours.at_logits, naive, rtol=1e-4, atol=1e-7)


def test_weights_carry_no_gradient() -> None:
    sigma = torch.rand(1, 2, 4, 4, requires_grad=True)
    target = Target(torch.zeros(1, 8, 8, dtype=torch.long), torch.ones(1, 8, 8))
    weights = weigh(Config(), sigma, target)
    assert weights.distillation is not None
    assert not weights.distillation.requires_grad
    assert not weights.target.weight.requires_grad


def test_weights_of_the_target_are_multiplied_not_replaced() -> None:
    sigma = torch.full((1, 2, 1, 1), 0.5)
    target = Target(torch.tensor([[[0, IGNORE]]]), torch.tensor([[[0.25, 1.0]]]))
    weights = weigh(Config(kappa=1.0), sigma, target, distils=False)
    assert weights.target.weight.flatten().tolist() == [0.375, 1.5]  # × (1 + 0.5)
    assert weights.terms["task_weight_max"] == 1.5


def one_class(*sigma: float) -> tuple[torch.Tensor, Target]:
    """Returns σ of some pixels in a row, and their target."""
    count = len(sigma)
    target = Target(torch.zeros(1, 1, count, dtype=torch.long), torch.ones(1, 1, count))
    return torch.tensor(sigma).reshape(1, 1, 1, count), target


def test_normalised_weights_have_a_mean_of_one() -> None:
    weights = weigh(Config(kappa=1.0, kd_merge="pixel", normalise="mean"), *one_class(0.0, 0.5, 1.0, 0.5))
    assert weights.distillation is not None
    assert weights.distillation.flatten().tolist() == pytest.approx([1 / 1.5, 1, 2 / 1.5, 1])
    assert weights.target.weight.flatten().tolist() == pytest.approx([1 / 1.5, 1, 2 / 1.5, 1])
    assert weights.terms["weight_mean"] == weights.terms["task_weight_mean"] == 1


@pytest.mark.parametrize(("step", "largest"), [(0, 1.0), (5, 2.0), (10, 4.0), (99, 4.0)])
def test_kappa_rises_from_zero(step: int, largest: float) -> None:
    sigma, target = one_class(0.0, 1.0)
    passes = StepPasses(NetworkPass(nn.Identity(), sigma, None), target)
    config = Config(kappa=2.0, kappa_warmup=10, kd_merge="pixel")
    terms = UncertaintyWeights(config).weigh(Deviations(sigma, sigma), passes, step).terms
    assert terms["weight_max"] == largest == 2 ** terms["kappa"]  # (1 + 1)^κ


def test_a_target_weight_holds_however_small_uncertainty_is() -> None:
    for scale in (0.2, 0.1, 0.05):
        sigma, target = one_class(*[0.0] * 100, *[scale] * 100)
        terms = weigh(Config(target_weight=2.5, kd_merge="pixel"), sigma, target).terms
        assert terms["weight_mean"].item() == pytest.approx(2.5, abs=1e-3)
        assert [terms["kappa"].item(), terms["m"].item()] == pytest.approx([2, 1 / scale], rel=1e-3)


def test_the_running_quantiles_are_state_and_average_the_steps() -> None:
    config, (sigma, target) = Config(target_weight=2.5, kd_merge="pixel"), one_class(0.0, 0.2)
    first = UncertaintyWeights(config)
    for scale in (1.0, 0.5):
        passes = StepPasses(NetworkPass(nn.Identity(), sigma, None), target)
        first.weigh(Deviations(sigma * scale, sigma * scale), passes, step=0)
    assert first.state_dict().keys() == {f"{of}_growth.{it}" for of in ("kd", "task") for it in ("quantiles", "steps")}
    assert first.state_dict()["kd_growth.quantiles"][-1].item() == pytest.approx(0.15, rel=0.02)
    again = UncertaintyWeights(config)
    again.load_state_dict(first.state_dict())
    both = [it.weigh(Deviations(sigma, sigma), passes, step=2).terms["kappa"] for it in (first, again)]
    assert both[0] == both[1]


def test_shuffled_weights_are_the_same_elsewhere() -> None:
    method, shuffled = (fotf(uncertainty="entropy", shuffle=shuffle) for shuffle in (False, True))
    plain, moved = (it.losses(labelled(), Progress(0, 10, seed=3)).terms for it in (method, shuffled))
    torch.testing.assert_close(plain["weight_mean"], moved["weight_mean"])
    assert plain["weight_max"] == moved["weight_max"]
    assert plain["kd"] != moved["kd"]


def test_the_entropy_of_the_gradient_pass_is_what_weighs() -> None:
    logits = torch.tensor([[1.0, 1.0], [1.0, 1e-12]]).log().T.reshape(1, 2, 1, 2)
    target = Target(torch.zeros(1, 1, 2, dtype=torch.long), torch.ones(1, 1, 2))
    passes, config = (
        StepPasses(NetworkPass(nn.Identity(), logits, None), target),
        Config(uncertainty="entropy", kappa=2.0),
    )
    weights = UncertaintyWeights(config)(passes, Progress(0, 10), torch.Generator())
    assert weights.distillation is not None
    assert weights.distillation.flatten().tolist() == pytest.approx([4, 1])  # (1 + 1)² and (1 + 0)²
