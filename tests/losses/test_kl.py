import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from tests.golden_near import assert_near

from seglet.losses.distillation.kl import (
    effective_weights,
    elementwise_kl_divergence,
    generalised_kl_divergence,
    kl_divergence,
    soft_cross_entropy,
    target_tilt,
)


def pixel(*probabilities: float) -> torch.Tensor:
    return torch.tensor(probabilities, dtype=torch.float64).log().reshape(1, -1, 1, 1)


@pytest.fixture
def maps(case: dict[str, np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(case["in_feat_S"]).double().requires_grad_(), torch.from_numpy(case["in_feat_T"]).double()


@pytest.mark.golden("kd", "kl_pixel")
def test_matches_cirkds_numbers(case: dict[str, np.ndarray], maps: tuple[torch.Tensor, torch.Tensor]) -> None:
    student, teacher = maps
    loss = kl_divergence(student, teacher, float(case["hp_temperature"]))
    (gradient,) = torch.autograd.grad(loss, student)
    assert_near(loss, case["out_loss_cirkd_f64"])
    assert_near(gradient, case["out_grad_feat_S__loss_cirkd"])


@pytest.mark.golden("kd", "kl_pixel")
def test_matches_ifvds_numbers(case: dict[str, np.ndarray], maps: tuple[torch.Tensor, torch.Tensor]) -> None:
    loss = elementwise_kl_divergence(*maps, float(case["hp_temperature"]))
    (gradient,) = torch.autograd.grad(loss, maps[0])
    assert_near(loss, case["out_loss_ifvd_kd_f64"])
    assert_near(gradient, case["out_grad_feat_S__loss_ifvd_kd"])


@pytest.mark.golden("kd", "kl_pixel")
def test_matches_skds_numbers(case: dict[str, np.ndarray], maps: tuple[torch.Tensor, torch.Tensor]) -> None:
    loss = soft_cross_entropy(*maps)
    (gradient,) = torch.autograd.grad(loss, maps[0])
    assert_near(loss, case["out_loss_skd_pi_f64"])
    assert_near(gradient, case["out_grad_feat_S__loss_skd_pi"])


@pytest.mark.parametrize("reduction", [kl_divergence, elementwise_kl_divergence, soft_cross_entropy])
def test_half_precision_is_summed_in_single(reduction: Callable[..., torch.Tensor]) -> None:
    student, teacher = 1e4 * torch.randn(2, 2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    value = reduction(student.half(), teacher.half())
    assert value.dtype == torch.float32
    assert value.isfinite()


def test_equal_maps_do_not_diverge() -> None:
    logits = torch.randn(2, 3, 4, 4)
    assert kl_divergence(logits, logits).item() == 0


def test_certain_teacher_and_undecided_student_are_log_two_apart() -> None:
    teacher = torch.tensor([100.0, -100.0]).reshape(1, 2, 1, 1)
    assert kl_divergence(torch.zeros(1, 2, 1, 1), teacher).item() == pytest.approx(math.log(2))


def test_huge_logits_stay_finite() -> None:
    student, teacher = torch.tensor([[-5e3, 5e3]]).reshape(1, 2, 1, 1), torch.tensor([[5e3, -5e3]]).reshape(1, 2, 1, 1)
    assert kl_divergence(student, teacher).item() == pytest.approx(1e4)


def test_class_weights_can_make_the_value_negative() -> None:
    weight = torch.tensor([10.0, 1.0]).reshape(1, 2, 1, 1)
    value = kl_divergence(pixel(0.6, 0.4), pixel(0.5, 0.5), weight=weight)
    assert value.item() == pytest.approx(5 * math.log(5 / 6) + 0.5 * math.log(5 / 4))  # -0.80
    assert value < 0


def test_weighted_value_is_least_where_the_student_follows_weight_times_teacher() -> None:
    weight, teacher = torch.tensor([3.0, 1.0]).reshape(1, 2, 1, 1).double(), pixel(0.5, 0.5)
    student = pixel(0.75, 0.25).requires_grad_()  # ∝ (3·0.5, 1·0.5)
    kl_divergence(student, teacher, weight=weight).backward()
    torch.testing.assert_close(student.grad, torch.zeros_like(student))


def test_the_generalised_form_stays_a_divergence_by_hand() -> None:
    weight = torch.tensor([10.0, 1.0]).reshape(1, 2, 1, 1)
    value = generalised_kl_divergence(pixel(0.6, 0.4), pixel(0.5, 0.5), weight=weight)
    first, second = 0.5 * math.log(5 / 6) - 0.5 + 0.6, 0.5 * math.log(5 / 4) - 0.5 + 0.4
    assert value.item() == pytest.approx(10 * first + second)
    assert first > 0 < second


def test_the_generalised_form_is_least_at_the_teacher_whatever_the_weights() -> None:
    weight, teacher = torch.tensor([3.0, 1.0]).reshape(1, 2, 1, 1).double(), pixel(0.3, 0.7)
    student = pixel(0.3, 0.7).requires_grad_()
    value = generalised_kl_divergence(student, teacher, 2.0, weight)
    value.backward()
    assert value.item() == pytest.approx(0, abs=1e-15)
    torch.testing.assert_close(student.grad, torch.zeros_like(student), atol=1e-12, rtol=0)


def test_without_weights_of_classes_both_forms_are_the_same() -> None:
    student, teacher, weight = torch.randn(2, 3, 4, 4), torch.randn(2, 3, 4, 4), 1 + torch.rand(2, 1, 4, 4)
    counted = torch.rand(2, 4, 4) > 0.5
    forms = (kl_divergence, generalised_kl_divergence)
    torch.testing.assert_close(*(form(student, teacher, 2.0, weight, counted) for form in forms))


def test_tilt_and_effective_weights_by_hand() -> None:
    teacher = torch.cat([pixel(0.6, 0.4), pixel(0.9, 0.1)], dim=3)
    classes, pixels = torch.tensor([1.0, 2.0]).reshape(1, 2, 1, 1), torch.tensor([1.0, 3.0]).reshape(1, 1, 1, 2)
    assert target_tilt(teacher, classes).item() == 0.5  # 0.6 · 1 < 0.4 · 2, but 0.9 · 1 > 0.1 · 2
    assert target_tilt(teacher, pixels).item() == 0
    pull, weights = effective_weights(teacher, classes)
    assert [pull.item(), *weights.tolist()] == pytest.approx([1.25, 1, 2])  # mean of 0.6 + 0.8 and 0.9 + 0.2
    pull, weights = effective_weights(teacher, pixels)
    assert [pull.item(), *weights.tolist()] == pytest.approx([2, (0.6 + 2.7) / 1.5, (0.4 + 0.3) / 0.5])


def test_the_gradient_of_eq_3_pulls_to_the_tilted_target() -> None:
    weight, teacher = torch.tensor([3.0, 1.0]).reshape(1, 2, 1, 1).double(), pixel(0.5, 0.5)
    student = pixel(0.5, 0.5).requires_grad_()
    kl_divergence(student, teacher, weight=weight).backward()
    assert student.grad is not None
    assert student.grad.flatten().tolist() == pytest.approx([2 * (0.5 - 0.75), 2 * (0.5 - 0.25)])  # W = 2


def test_only_counted_pixels_are_averaged() -> None:
    student, teacher = torch.randn(1, 3, 1, 2), torch.randn(1, 3, 1, 2)
    counted = torch.tensor([[[True, False]]])
    torch.testing.assert_close(
        kl_divergence(student, teacher, counted=counted), kl_divergence(student[..., :1], teacher[..., :1])
    )


def test_no_counted_pixel_gives_zero() -> None:
    nowhere = torch.zeros(1, 2, 2, dtype=torch.bool)
    assert kl_divergence(torch.randn(1, 3, 2, 2), torch.randn(1, 3, 2, 2), counted=nowhere).item() == 0


def test_rejects_a_temperature_of_zero() -> None:
    with pytest.raises(ValueError, match="temperature must be above 0"):
        kl_divergence(torch.zeros(1, 2, 1, 1), torch.zeros(1, 2, 1, 1), temperature=0.0)
