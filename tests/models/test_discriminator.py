import ast

import numpy as np
import pytest
import torch
from tests.models.golden_check import Case, error, input_of, output_of
from tests.models.hash_weights import hash_weight
from torch import Tensor

from seglet.losses.distillation.adversarial import adversarial_loss, gradient_penalty, hinge_loss, wasserstein_loss
from seglet.models.distillation.discriminator import Discriminator, SpatialSelfAttention
from seglet.models.layers.initialise import initialise_weights

TOLERANCES = [(torch.float32, 1e-4), (torch.float64, 1e-9)]
NAMES = {
    "preprocess_additional": "norm",
    **{f"l{index + 1}.0.module": f"convs.{index}" for index in range(4)},
    **{f"attn{index + 1}": f"attention.{index}" for index in range(2)},
    "last.0": "last",
    "_conv": "",
    "gamma": "gain",
    "weight_bar": "weight",
    "weight_u": "left",
    "weight_v": "right",
}


def our_name(official: str) -> str:
    for theirs, ours in NAMES.items():
        official = official.replace(theirs, ours)
    return official


def discriminator_of(case: Case, dtype: torch.dtype) -> Discriminator:
    if case["hp_preprocess"] != 1:
        pytest.skip(f"hp_preprocess {case['hp_preprocess']}: this discriminator always normalises its input (1)")
    network = Discriminator(case["in_feat_S"].shape[1], int(case["hp_conv_dim"]))
    pairs = zip(case["out_state_names"].tolist(), case["out_state_shapes"].tolist(), strict=True)
    network.load_state_dict({our_name(name): hash_weight(name, ast.literal_eval(shape)) for name, shape in pairs})
    network.norm.train(bool(case["hp_train_mode"]))  # their spectral normalisation iterates in both modes
    return network.to(dtype)


def play(case: Case, dtype: torch.dtype) -> dict[str, Tensor]:
    """The three passes of a training step in the authors' order, then the penalty's."""
    network, teacher = discriminator_of(case, dtype), input_of(case, "feat_T", dtype)
    student = input_of(case, "feat_S", dtype).requires_grad_()
    first, second, real = network.frozen_scores(student), network(student.detach()), network(teacher)
    found = {"d_out_S": first, "loss_G": adversarial_loss(first), "d_out_S2": second, "d_out_T": real}
    found |= {"loss_D_hinge": hinge_loss(real, second), "loss_D_wgan_gp": wasserstein_loss(real, second)}
    found["grad_feat_S__loss_G"] = torch.autograd.grad(found["loss_G"], student)[0]
    last = torch.autograd.grad(found["loss_D_hinge"], network.last.weight)[0]
    penalty = gradient_penalty(network, teacher, student, input_of(case, "alpha", dtype))
    found |= {"gradD_last_weight_abs_sum": last.abs().sum(), "loss_gp": float(case["hp_lambda_gp"]) * penalty}
    assert network.norm.running_mean is not None
    return {**found, "running_mean_after": network.norm.running_mean}


def small(num_classes: int = 3) -> Discriminator:
    network = Discriminator(num_classes, width=4)
    initialise_weights(network, torch.Generator().manual_seed(0))
    return network


def logits(*shape: int, scale: float = 1.0) -> Tensor:
    return scale * torch.randn(shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.golden("kd", "skd_holistic")
@pytest.mark.parametrize(("dtype", "tolerance"), TOLERANCES, ids=["float32", "float64"])
def test_a_round_of_the_game_is_the_authors(case: Case, dtype: torch.dtype, tolerance: float) -> None:
    found, scores = play(case, dtype), output_of(case, "d_out_S", dtype)  # losses may be differences of scores
    scales = {name: float(np.abs(scores).max()) if name.startswith("loss") else 0.0 for name in found}
    errors = {name: error(value, output_of(case, name, dtype), scales[name]) for name, value in found.items()}
    assert all(error <= tolerance for error in errors.values()), errors


def test_judging_gives_the_discriminator_no_gradient() -> None:
    network, student = small(), logits(1, 3, 64, 64).requires_grad_()
    adversarial_loss(network.frozen_scores(student)).backward()
    assert student.grad is not None
    assert student.grad.abs().sum() > 0
    assert [name for name, parameter in network.named_parameters() if parameter.grad is not None] == []


def test_frozen_and_trained_scores_agree() -> None:
    network = small().eval()
    assert torch.equal(network.frozen_scores(logits(1, 3, 64, 64)), network(logits(1, 3, 64, 64)))


def test_both_players_learn_in_one_backward_pass() -> None:
    network, student, teacher = small(), logits(2, 3, 64, 64).requires_grad_(), logits(2, 3, 64, 64, scale=2)
    penalty = gradient_penalty(network, teacher, student, torch.Generator().manual_seed(0))
    game = hinge_loss(network(teacher), network(student.detach())) + 10 * penalty
    (adversarial_loss(network.frozen_scores(student)) + game).backward()
    assert [name for name, parameter in network.named_parameters() if parameter.grad is None] == []


@pytest.mark.parametrize("size", [(1, 1), (9, 80)])
def test_small_maps_are_enlarged_to_what_four_halvings_need(size: tuple[int, int]) -> None:
    assert small()(logits(1, 3, *size)).shape == (1, 1, 1, 2 if size[1] == 80 else 1)


@pytest.mark.parametrize("maps", [logits(1, 3, 64, 64, scale=1e4), torch.full((1, 3, 64, 64), 1e4)])
def test_one_image_of_huge_or_constant_logits_stays_finite(maps: Tensor) -> None:
    network, student = small(), maps.clone().requires_grad_()
    (adversarial_loss(network(student)) + gradient_penalty(network, -maps, maps)).backward()
    gradients = [student.grad, *(parameter.grad for parameter in network.parameters())]
    assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients)


def test_autocast_changes_nothing() -> None:
    network, maps = small().eval(), logits(1, 3, 64, 64)
    with torch.autocast("cpu", torch.bfloat16):
        scores = network(maps)
    assert torch.equal(scores, network(maps))


def test_other_classes_are_an_error() -> None:
    with pytest.raises(ValueError, match="scores 3 classes, got logits of 5"):
        small()(logits(1, 5, 64, 64))


def test_an_odd_width_is_an_error() -> None:
    with pytest.raises(ValueError, match="even width"):
        Discriminator(3, width=5)


def test_attention_starts_as_the_identity() -> None:
    maps = logits(1, 8, 3, 3)
    assert torch.equal(SpatialSelfAttention(8)(maps), maps)


def test_attention_that_cannot_choose_adds_the_mean() -> None:
    attention, maps = SpatialSelfAttention(8), logits(1, 8, 2, 2)
    with torch.no_grad():
        attention.query.weight.zero_(), attention.query.bias.zero_(), attention.value.bias.zero_()  # type: ignore[union-attr]
        attention.value.weight.copy_(torch.eye(8).view(8, 8, 1, 1))
        attention.gain.fill_(2)
    torch.testing.assert_close(attention(maps), maps + 2 * maps.mean((2, 3), keepdim=True))
