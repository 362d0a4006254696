import math
from collections.abc import Callable

import pytest
import torch

from seglet.losses.distillation.kl import kl_divergence
from seglet.losses.distillation.target_split import (
    TargetSplit,
    decoupled_divergence,
    normalised_cross_entropy,
    target_enhanced_cross_entropy,
)
from seglet.types import IGNORE

Split = Callable[..., TargetSplit]
SPLITS = [decoupled_divergence, normalised_cross_entropy]
among_others = pytest.mark.parametrize("split", SPLITS)
every_split = pytest.mark.parametrize("split", [*SPLITS, target_enhanced_cross_entropy])


def pixel(*probabilities: float) -> torch.Tensor:
    return torch.tensor(probabilities, dtype=torch.float64).log().reshape(1, -1, 1, 1)


def labelled(*labels: int) -> torch.Tensor:
    return torch.tensor([[labels]])


STUDENT, TEACHER = pixel(0.4, 0.3, 0.3), pixel(0.6, 0.1, 0.3)  # the others are (1/2, 1/2) and (1/4, 3/4)


def test_decoupled_divergences_by_hand() -> None:
    target, others = decoupled_divergence(STUDENT, TEACHER, labelled(0), 1.0)
    assert target.item() == pytest.approx(0.6 * math.log(0.6 / 0.4) + 0.4 * math.log(0.4 / 0.6))
    assert others.item() == pytest.approx(0.25 * math.log(0.25 / 0.5) + 0.75 * math.log(0.75 / 0.5))


def test_the_divergence_of_all_classes_is_the_sum_with_the_teachers_doubt() -> None:
    target, others = decoupled_divergence(STUDENT, TEACHER, labelled(0), 1.0)
    assert kl_divergence(STUDENT, TEACHER).item() == pytest.approx((target + 0.4 * others).item())


def test_a_temperature_flattens_and_is_squared() -> None:
    target, others = decoupled_divergence(2 * STUDENT, 2 * TEACHER, labelled(0), 2.0)
    once = decoupled_divergence(STUDENT, TEACHER, labelled(0), 1.0)
    assert [target.item(), others.item()] == pytest.approx([4 * once.target.item(), 4 * once.others.item()])


def test_normalised_cross_entropies_by_hand() -> None:
    target, others = normalised_cross_entropy(STUDENT, TEACHER, labelled(0))
    assert target.item() == pytest.approx(-0.6 * math.log(0.4))
    assert others.item() == pytest.approx(-math.log(0.5))  # whatever the teacher, the student's others are equal


def test_the_temperature_of_nkd_leaves_the_target_alone() -> None:
    target, others = normalised_cross_entropy(STUDENT, TEACHER, labelled(0), 2.0)
    assert target.item() == pytest.approx(-0.6 * math.log(0.4))
    assert others.item() == pytest.approx(-4 * math.log(0.5))


def test_a_sure_teacher_strengthens_the_target_by_hand() -> None:
    target, others = target_enhanced_cross_entropy(STUDENT, TEACHER, labelled(0), gamma=2)
    assert target.item() == pytest.approx(1.6**2 * -math.log(0.4))
    assert others.item() == pytest.approx((0.1 + 0.3) * -math.log(0.3))


def test_the_form_of_ofas_code_by_hand() -> None:
    target, others = target_enhanced_cross_entropy(STUDENT, TEACHER, labelled(0), gamma=2, form="code")
    assert target.item() == pytest.approx((1.6**2 - 1) * -math.log(0.4))
    assert others.item() == pytest.approx((0.1**2 + 0.3**2) * -math.log(0.3))


def test_an_exponent_of_one_is_the_label_and_the_teacher_together() -> None:
    whole = sum(target_enhanced_cross_entropy(STUDENT, TEACHER, labelled(0), gamma=1))
    teacher = -sum(p * math.log(q) for p, q in zip((0.6, 0.1, 0.3), (0.4, 0.3, 0.3), strict=True))
    assert float(whole) == pytest.approx(-math.log(0.4) + teacher)
    assert float(sum(target_enhanced_cross_entropy(STUDENT, TEACHER, labelled(0), 1, "code"))) == pytest.approx(teacher)
    with pytest.raises(ValueError, match="gamma: expected 0 or more"):
        target_enhanced_cross_entropy(STUDENT, TEACHER, labelled(0), -1)


@among_others
def test_two_classes_have_one_other_and_nothing_to_learn_about_it(split: Split) -> None:
    assert split(pixel(0.4, 0.6), pixel(0.9, 0.1), labelled(1), 1.0).others.item() == 0


@every_split
def test_unannotated_pixels_have_no_part(split: Split) -> None:
    student, teacher = (torch.cat([one, pixel(0.1, 0.2, 0.7)], dim=3) for one in (STUDENT, TEACHER))
    torch.testing.assert_close(
        split(student, teacher, labelled(0, IGNORE), 2.0), split(STUDENT, TEACHER, labelled(0), 2.0)
    )
    student = student.requires_grad_()
    nothing = split(student, teacher, labelled(IGNORE, IGNORE), 2.0)
    (gradient,) = torch.autograd.grad(nothing.target + nothing.others, student)
    assert [nothing.target.item(), nothing.others.item()] == [0, 0]
    assert not gradient.any()


@every_split
def test_the_gradient_is_that_of_differences(split: Split) -> None:
    student, teacher = torch.randn(2, 2, 4, 1, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([[[0, 3, IGNORE]], [[2, 2, 1]]])
    assert torch.autograd.gradcheck(lambda own: sum(split(own, teacher, labels, 2.0)), student.requires_grad_())


def test_dkds_gradient_by_hand_and_zero_at_the_teacher() -> None:
    student = STUDENT.clone().requires_grad_()
    (slope,) = torch.autograd.grad(decoupled_divergence(student, TEACHER, labelled(0), 1.0).others, student)
    assert slope.flatten().tolist() == pytest.approx([0, 0.5 - 0.25, 0.5 - 0.75])
    student = TEACHER.clone().requires_grad_()
    (slope,) = torch.autograd.grad(sum(decoupled_divergence(student, TEACHER, labelled(0), 1.0)), student)
    assert slope.flatten().tolist() == pytest.approx([0, 0, 0], abs=1e-12)


@every_split
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_huge_logits_stay_finite(split: Split, dtype: torch.dtype) -> None:
    student = torch.tensor([-3e4, 3e4, 0]).to(dtype).reshape(1, 3, 1, 1).requires_grad_()
    value = sum(split(student, -student.detach(), labelled(0), 1.0))
    (gradient,) = torch.autograd.grad(value, student)
    assert isinstance(value, torch.Tensor)
    assert value.dtype == torch.float32
    assert value.isfinite()
    assert gradient.isfinite().all()


@among_others
def test_a_single_class_and_a_temperature_of_zero_are_refused(split: Split) -> None:
    with pytest.raises(ValueError, match="at least 2 classes, got 1"):
        split(pixel(1), pixel(1), labelled(0))
    with pytest.raises(ValueError, match="temperature must be above 0"):
        split(STUDENT, TEACHER, labelled(0), 0.0)
