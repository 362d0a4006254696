from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from seglet.losses.distillation.adversarial import adversarial_loss, gradient_penalty, hinge_loss, wasserstein_loss


def scores(*values: float) -> Tensor:
    return torch.tensor(values)


def test_hinge_at_hand_values() -> None:
    assert hinge_loss(scores(2.0, 0.5), scores(-3.0, 0.5)).item() == pytest.approx(0.25 + 0.75)


def test_hinge_of_a_certain_and_right_discriminator_is_zero() -> None:
    assert hinge_loss(scores(1.0, 9.0), scores(-1.0, -9.0)).item() == 0


def test_wasserstein_is_how_much_higher_the_student_scores() -> None:
    assert wasserstein_loss(scores(1.0, 3.0), scores(5.0)).item() == 3


def test_the_student_wants_a_high_score() -> None:
    assert adversarial_loss(scores(1.0, 3.0)).item() == -2


def test_half_precision_scores_are_averaged_in_float32() -> None:
    fake = torch.full((4,), 6e4, dtype=torch.float16)
    assert adversarial_loss(fake).item() == pytest.approx(-6e4, rel=1e-3)
    assert hinge_loss(-fake, fake).item() == pytest.approx(1.2e5, rel=1e-3)


def sum_times(factor: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda maps: factor * maps.sum((1, 2, 3))


def test_penalty_of_a_plane_is_known() -> None:
    factor = torch.tensor(1.5, requires_grad=True)
    penalty = gradient_penalty(sum_times(factor), torch.randn(2, 1, 2, 2), torch.randn(2, 1, 2, 2))
    penalty.backward()
    assert penalty.item() == pytest.approx(4)  # the slope is 1.5 · √4 = 3
    assert factor.grad is not None
    assert factor.grad.item() == pytest.approx(2 * (3 - 1) * 2)


def test_a_flat_discriminator_is_penalised_by_one_without_nan() -> None:
    factor = torch.tensor(0.0, requires_grad=True)
    penalty = gradient_penalty(sum_times(factor), torch.randn(2, 1, 2, 2), torch.randn(2, 1, 2, 2))
    penalty.backward()
    assert penalty.item() == pytest.approx(1)
    assert factor.grad is not None
    assert factor.grad.item() == 0


def test_the_mixture_holds_the_drawn_share_of_the_teacher() -> None:
    seen: list[Tensor] = []

    def discriminator(maps: Tensor) -> Tensor:
        seen.append(maps.detach())
        return maps.square()

    share = torch.tensor([0.25, 1]).view(2, 1, 1, 1)
    gradient_penalty(discriminator, torch.ones(2, 1, 1, 1), torch.zeros(2, 1, 1, 1), share)
    assert seen[0].flatten().tolist() == [0.25, 1]


def test_equal_generators_draw_equal_shares() -> None:
    maps = torch.randn(2, 1, 3, 3), torch.randn(2, 1, 3, 3)
    draws = [gradient_penalty(torch.square, *maps, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]


def test_the_penalty_can_be_read_without_gradient() -> None:
    with torch.no_grad():
        assert not gradient_penalty(torch.square, torch.ones(1, 1, 1, 1), torch.ones(1, 1, 1, 1)).requires_grad


def test_the_penalty_gives_the_student_no_gradient() -> None:
    student, factor = torch.randn(1, 1, 2, 2, requires_grad=True), torch.tensor(2.0, requires_grad=True)
    gradient_penalty(sum_times(factor), torch.randn(1, 1, 2, 2), student).backward()
    assert student.grad is None


@pytest.mark.usefixtures("unchecked")
def test_maps_of_two_shapes_are_an_error() -> None:
    with pytest.raises(ValueError, match="must agree in shape"):
        gradient_penalty(torch.square, torch.randn(1, 1, 2, 2), torch.randn(1, 1, 3, 2))
