import math

import pytest
import torch

from seglet.losses.distillation.afdcd import feature_distance, omni_contrastive_loss


def test_distance_is_summed_over_pixels_and_averaged_over_images() -> None:
    redrawn = torch.stack([torch.ones(2, 3, 3), torch.zeros(2, 3, 3)])
    assert feature_distance(redrawn, torch.zeros(2, 2, 3, 3)).item() == 18 / 2


def test_two_groups_at_one_position_are_a_choice_of_two() -> None:
    redrawn, teacher = torch.tensor([0.0, 1.0]).reshape(1, 2, 1, 1), torch.tensor([0.0, 3.0]).reshape(1, 2, 1, 1)
    value = omni_contrastive_loss(redrawn, teacher, groups=2, temperature=1.0, pool=1, patch=1)
    first = math.log(1 + math.exp(-3))  # distances 0 (its own) and 3
    second = math.log(1 + math.exp(1))  # distances 2 (its own) and 1
    assert value.item() == pytest.approx(first + second, rel=1e-5)


def test_one_group_costs_nothing() -> None:
    value = omni_contrastive_loss(torch.randn(1, 4, 4, 4), torch.randn(1, 4, 4, 4), groups=1, pool=1, patch=4)
    assert value.item() == pytest.approx(0, abs=1e-3)


def test_pixels_that_fill_no_patch_are_left_out() -> None:
    redrawn, teacher = torch.randn(1, 4, 45, 46), torch.randn(1, 4, 45, 46)
    cut = omni_contrastive_loss(redrawn[..., :44, :44], teacher[..., :44, :44], groups=2, pool=1)
    torch.testing.assert_close(omni_contrastive_loss(redrawn, teacher, groups=2, pool=1), cut)


def test_huge_features_stay_finite() -> None:
    redrawn, teacher = (torch.randn(2, 1, 16, 16, 16) * 1e4).requires_grad_().unbind()
    value = omni_contrastive_loss(redrawn, teacher) + feature_distance(redrawn, teacher)
    (gradient,) = torch.autograd.grad(value, redrawn)
    assert value.isfinite()
    assert gradient.isfinite().all()


def test_autocast_and_halves_are_summed_in_float32() -> None:
    redrawn, teacher = torch.randn(1, 16, 16, 16).half(), torch.randn(1, 16, 16, 16).half()
    with torch.autocast("cpu", torch.bfloat16):
        value = omni_contrastive_loss(redrawn, teacher)
    torch.testing.assert_close(value, omni_contrastive_loss(redrawn.float(), teacher.float()))


def test_the_teacher_gets_no_gradient() -> None:
    redrawn, teacher = (torch.randn(1, 16, 16, 16, requires_grad=True) for _ in range(2))
    (omni_contrastive_loss(redrawn, teacher) + feature_distance(redrawn, teacher)).backward()
    assert teacher.grad is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"groups": 3}, "16 channels cannot be divided into 3 groups"),
        ({"pool": 5}, "holds no patch of 4 after pooling by 5"),
        ({"temperature": 0.0}, "temperature must be above 0"),
    ],
)
def test_impossible_options_are_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        omni_contrastive_loss(torch.zeros(1, 16, 16, 16), torch.zeros(1, 16, 16, 16), **options)  # type: ignore[arg-type]
