import pytest
import torch

from seglet.losses.distillation.boundaries import boundary_labels, boundary_weights
from seglet.losses.distillation.kl import kl_divergence
from seglet.types import IGNORE


def row(*labels: int) -> torch.Tensor:
    return torch.tensor([[labels]])


def weights(labels: torch.Tensor, radius: int, factor: float, counted: torch.Tensor | None = None) -> list[float]:
    return boundary_weights(labels, radius, factor, counted).flatten().tolist()


def test_pixels_near_another_class_weigh_more_and_the_mean_is_one() -> None:
    assert weights(row(0, 0, 0, 1, 1, 1), 1, 4.0) == pytest.approx([0.5, 0.5, 2, 2, 0.5, 0.5])  # mean of 1 1 4 4 1 1: 2
    assert weights(row(0, 0, 0, 1, 1, 1), 2, 4.0) == pytest.approx([1 / 3] + [4 / 3] * 4 + [1 / 3])


def test_diagonal_neighbours_are_near() -> None:
    labels = torch.zeros(1, 4, 4, dtype=torch.long)
    labels[0, 0, 0] = 1
    near = boundary_weights(labels, 1, 2.0)[0, 0] > 1
    assert near.nonzero().tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]


def test_a_region_without_annotation_has_no_boundary_but_does_not_hide_one() -> None:
    assert weights(row(0, 0, IGNORE, IGNORE), 1, 3.0) == [1] * 4
    assert weights(row(0, IGNORE, 1, 1), 1, 3.0) == pytest.approx([2 / 3, 2, 2 / 3, 2 / 3])
    assert weights(row(IGNORE, IGNORE, IGNORE), 1, 3.0) == [1] * 3


def test_the_mean_is_that_of_the_counted_pixels() -> None:
    labels, counted = row(0, 0, 1, 1), torch.tensor([[[True, True, False, False]]])
    assert weights(labels, 1, 3.0, counted)[:2] == pytest.approx([0.5, 1.5])
    assert weights(labels, 1, 3.0, ~counted & counted) == [1, 3, 3, 1]


def test_images_without_masks_have_the_teachers_boundaries() -> None:
    teacher = torch.tensor([[0.0, 0, 2, 2], [1, 1, 0, 0]]).reshape(1, 2, 1, 4).expand(2, 2, 1, 4)
    labels = torch.cat([row(IGNORE, IGNORE), row(IGNORE, 1)])
    assert boundary_labels(labels, teacher).flatten(1).tolist() == [[1, 1, 0, 0], [IGNORE, IGNORE, 1, 1]]


def test_the_weighted_divergence_and_its_gradient_by_hand() -> None:
    student = torch.zeros(1, 2, 1, 4, dtype=torch.float64, requires_grad=True)
    teacher = torch.tensor([0.75, 0.25]).double().log().reshape(1, 2, 1, 1).expand(1, 2, 1, 4)
    weight = boundary_weights(row(0, 0, 1, 1), 1, 3.0)  # 1/2, 3/2, 3/2, 1/2
    weighted = kl_divergence(student, teacher, weight=weight)
    (gradient,) = torch.autograd.grad(weighted, student)
    assert gradient[0, 0, 0].tolist() == pytest.approx([w * (0.5 - 0.75) / 4 for w in (0.5, 1.5, 1.5, 0.5)])
    assert weighted.item() == pytest.approx(kl_divergence(student, teacher).item())  # all pixels diverge alike


def test_a_radius_or_a_factor_of_nothing_is_refused() -> None:
    for radius, factor in ((0, 3.0), (1, 0.0)):
        with pytest.raises(ValueError, match="expected a radius of 1 pixel or more and a factor above 0"):
            boundary_weights(row(0, 1), radius, factor)
