import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from tests.golden_near import assert_near

from seglet.losses.distillation.kl import kl_divergence
from seglet.losses.task import cross_entropy
from seglet.losses.uncertainty import (
    entropy_uncertainty,
    fit_weight_growth,
    label_weight,
    margin_uncertainty,
    merge_deviation,
    merge_resized_deviation,
    resized_deviation,
    shuffle_pixels,
    uncertainty_weight,
)
from seglet.tensors import running_mean_and_deviation
from seglet.types import IGNORE, Target

MERGINGS = ("logits", "pixel", "channel", "sample")
GROWTHS = {"pow": "power", "exp": "exponential"}
Case = dict[str, np.ndarray]


def probabilities(case: Case) -> torch.Tensor:
    draws = torch.from_numpy(case["in_mc_logits_S"]).double().softmax(dim=2)
    assert len(draws) == case["hp_T"]
    return draws


def labels_of(case: Case) -> torch.Tensor:
    labels = torch.from_numpy(case["in_labels"])
    return labels.masked_fill(labels == int(case["hp_ignore_index"]), IGNORE)


def weight(case: Case, sigma: torch.Tensor, growth: Any = "power") -> torch.Tensor:
    return uncertainty_weight(sigma, float(case["hp_kappa"]), float(case["hp_m"]), growth)


@pytest.mark.golden("kd", "fotf_reference")
@pytest.mark.parametrize("ddof", [0, 1])
def test_deviation_matches_reference(case: Case, ddof: int) -> None:
    sigma = running_mean_and_deviation(probabilities(case), ddof)[1]
    assert_near(sigma, case[f"out_sigma_ddof{ddof}"])


@pytest.mark.golden("kd", "fotf_reference")
@pytest.mark.parametrize(("merging", "growth", "ddof"), list(itertools.product(MERGINGS, GROWTHS, [0, 1])))
def test_distillation_matches_reference(case: Case, merging: Any, growth: str, ddof: int) -> None:
    sigma = merge_deviation(running_mean_and_deviation(probabilities(case), ddof)[1], merging)
    student, teacher = (torch.from_numpy(case[f"in_logits_{who}"]).double() for who in "ST")
    student.requires_grad_()
    loss = kl_divergence(student, teacher, weight=weight(case, sigma, GROWTHS[growth]))
    (gradient,) = torch.autograd.grad(loss, student)
    name = f"loss_kd_{merging}_{growth}_ddof{ddof}"
    assert_near(loss, case[f"out_{name}"])
    if growth == "pow" and ddof == 1:  # of the others the files have no gradient
        assert_near(gradient, case[f"out_grad_logits_S__{name}"])


@pytest.mark.golden("kd", "fotf_reference")
@pytest.mark.parametrize("merging", MERGINGS)
@pytest.mark.parametrize("where", ["A", "B"])
def test_task_loss_matches_reference(case: Case, merging: Any, where: str) -> None:
    labels = labels_of(case)
    size = (labels.shape[1], labels.shape[2])
    draws = probabilities(case)
    sigma = running_mean_and_deviation(draws)[1] if where == "A" else resized_deviation(draws, size)
    trust = label_weight(weight(case, merge_resized_deviation(sigma, merging, size)), labels).expand(labels.shape)
    loss = cross_entropy(torch.from_numpy(case["in_logits_S"]).double(), Target(labels, trust))
    assert_near(loss, case[f"out_loss_task_{merging}_{where}"])


@pytest.mark.golden("kd", "fotf_reference")
def test_without_weights_the_plain_losses_come_back(case: Case) -> None:
    student, teacher = (torch.from_numpy(case[f"in_logits_{who}"]).double() for who in "ST")
    ones = uncertainty_weight(torch.ones_like(student), kappa=0.0)
    assert_near(kl_divergence(student, teacher, weight=ones), case["out_loss_kd_unweighted"])
    labels = labels_of(case)
    plain = cross_entropy(student, Target(labels, torch.ones(labels.shape, dtype=torch.float64)))
    assert_near(plain, case["out_loss_task_unweighted"])


def test_merging_keeps_apart_what_its_name_says() -> None:
    sigma = torch.rand(2, 3, 4, 5)
    shapes = {merging: tuple(merge_deviation(sigma, merging).shape) for merging in MERGINGS}  # type: ignore[arg-type]
    assert shapes == {"logits": (2, 3, 4, 5), "pixel": (2, 1, 4, 5), "channel": (2, 3, 1, 1), "sample": (2, 1, 1, 1)}


def test_merging_averages() -> None:
    sigma = torch.tensor([[[[0.0, 1.0]], [[2.0, 5.0]]]])  # 2 classes, 1 row, 2 columns
    assert merge_deviation(sigma, "pixel").flatten().tolist() == [1, 3]
    assert merge_deviation(sigma, "channel").flatten().tolist() == [0.5, 3.5]
    assert merge_deviation(sigma, "sample").flatten().tolist() == [2]


@pytest.mark.parametrize("growth", GROWTHS.values())
def test_certain_predictions_keep_weight_one_and_weights_rise(growth: Any) -> None:
    weights = uncertainty_weight(torch.tensor([0.0, 0.1, 0.2]), kappa=3.0, m=10.0, growth=growth)
    assert weights[0] == 1
    assert weights.diff().gt(0).all()


def test_weight_at_a_hand_value() -> None:
    assert uncertainty_weight(torch.tensor(0.1), kappa=2.0, m=10.0).item() == pytest.approx(4)  # (1 + 10·0.1)²
    assert uncertainty_weight(torch.tensor(0.1), kappa=2.0, m=10.0, max_weight=3.0).item() == 3


def test_label_weight_is_that_of_the_true_class() -> None:
    weights = torch.tensor([1.0, 7.0]).reshape(1, 2, 1, 1)
    labels = torch.tensor([[[0, 1, IGNORE]]])
    assert label_weight(weights, labels).flatten().tolist() == [1, 7, 1]


def test_wrong_names_list_the_right_ones() -> None:  # a TypeError where shapes and types are checked
    with pytest.raises((ValueError, TypeError), match=r"logits.*pixel.*channel.*sample"):
        merge_deviation(torch.zeros(1, 2, 1, 1), "row")  # type: ignore[arg-type]
    with pytest.raises((ValueError, TypeError), match=r"power.*exponential"):
        uncertainty_weight(torch.zeros(1), 1, growth="linear")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("shares", "entropy", "margin"),
    [
        ((1, 1, 1, 1), 1, 1),
        ((0.7, 0.2, 0.1), -(0.7 * math.log(0.7) + 0.2 * math.log(0.2) + 0.1 * math.log(0.1)) / math.log(3), 0.5),
        ((1, 1, 1e-12), math.log(2) / math.log(3), 1),
        ((1,), 0, 0),
    ],
)
def test_entropy_and_margin_of_one_pass_by_hand(shares: tuple[float, ...], entropy: float, margin: float) -> None:
    logits = torch.tensor(shares, dtype=torch.float64).log().reshape(1, -1, 1, 1)
    assert entropy_uncertainty(logits).item() == pytest.approx(entropy, abs=1e-9)
    assert margin_uncertainty(logits).item() == pytest.approx(margin, abs=1e-9)


def test_a_class_averages_over_the_pixels_predicted_as_it() -> None:
    sigma = torch.tensor([0.1, 0.3]).reshape(1, 1, 1, 2)
    shares = torch.tensor([[0.9, 0.1], [0.1, 0.9]]).reshape(1, 2, 1, 2)
    merged = merge_deviation(sigma, "class", shares)
    assert merged.shape == (1, 2, 1, 1)
    assert merged.flatten().tolist() == pytest.approx([0.09 + 0.03, 0.01 + 0.27])
    assert torch.equal(merge_resized_deviation(sigma, "class", (4, 8), shares), merged)
    with pytest.raises(ValueError, match="give `probabilities`"):
        merge_deviation(sigma, "class")


def test_shuffling_moves_whole_pixels_and_keeps_all_of_them() -> None:
    sigma = torch.arange(12.0).reshape(2, 1, 2, 3) + torch.tensor([0.0, 100.0]).reshape(1, 2, 1, 1)
    first, again = (shuffle_pixels(sigma, torch.Generator().manual_seed(1)) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, sigma)
    assert first[:, 0].flatten().sort().values.tolist() == list(range(12))
    assert torch.equal(first[:, 1], first[:, 0] + 100)


@pytest.mark.parametrize(("growth", "kappa"), [("power", 2.0), ("exponential", math.log(4))])
def test_growth_is_fitted_to_a_mean_weight_by_hand(growth: Any, kappa: float) -> None:
    quantiles = torch.tensor([0.0, 0.2]).repeat(32).sort().values
    found, m = fit_weight_growth(quantiles, 2.5, growth)  # half of the weights are 1, half (1 + 5 · 0.2)^κ = 4
    assert (found.item(), m.item()) == pytest.approx((kappa, 5.0), abs=1e-4)
    assert uncertainty_weight(quantiles, found, m, growth).mean().item() == pytest.approx(2.5, abs=1e-4)


def test_no_growth_reaches_a_mean_without_uncertainty() -> None:
    kappa, m = fit_weight_growth(torch.zeros(64), 2.0)
    assert kappa == 64
    assert uncertainty_weight(torch.zeros(1), kappa, m).item() == 1
