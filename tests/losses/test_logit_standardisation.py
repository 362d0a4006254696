import math

import pytest
import torch

from seglet.losses.distillation.kl import kl_divergence
from seglet.losses.distillation.logit_standardisation import check_standardised, standardise_logits


def pixel(*logits: float) -> torch.Tensor:
    return torch.tensor(logits, dtype=torch.float64).reshape(1, -1, 1, 1)


def test_z_scores_of_a_pixel_by_hand() -> None:
    assert standardise_logits(pixel(5, 1, 3)).flatten().tolist() == pytest.approx([1, -1, 0])  # mean 3, deviation 2


def test_shift_and_spread_of_the_logits_do_not_count() -> None:
    student, teacher = pixel(1.5, 0.5, 1), pixel(109, 101, 105)
    assert kl_divergence(standardise_logits(student), standardise_logits(teacher), 2.0).item() == pytest.approx(0)


def test_divergence_of_standardised_pixels_by_hand() -> None:
    student, teacher = standardise_logits(pixel(1, 5, 3)), standardise_logits(pixel(5, 1, 3))  # (-1, 1, 0), (1, -1, 0)
    shares = [math.exp(1 / 2), math.exp(-1 / 2), 1]
    expected = 4 * (shares[0] * 1 - shares[1] * 1) / sum(shares)  # T² Σ q_T (z_T - z_S) / T
    assert kl_divergence(student, teacher, 2.0).item() == pytest.approx(expected)


def test_the_gradient_is_that_of_differences() -> None:
    logits = torch.randn(2, 4, 1, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert torch.autograd.gradcheck(standardise_logits, logits.requires_grad_())


@pytest.mark.parametrize("value", [0.0, 1e4])
def test_equal_logits_become_zeros_without_gradient(value: float) -> None:
    logits = torch.full((1, 3, 1, 1), value, requires_grad=True)
    scores = standardise_logits(logits)
    (gradient,) = torch.autograd.grad((scores * torch.tensor([1.0, 2, 3]).reshape(1, 3, 1, 1)).sum(), logits)
    assert not scores.any()
    assert not gradient.any()


def test_half_precision_is_standardised_in_single() -> None:
    assert standardise_logits(pixel(5e4, 1e4, 3e4).half()).flatten().tolist() == pytest.approx([1, -1, 0], abs=1e-3)


def test_two_classes_are_refused() -> None:
    check_standardised(3)
    with pytest.raises(ValueError, match="z-scores of 2 classes have no gradient"):
        check_standardised(2)
