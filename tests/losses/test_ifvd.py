import numpy as np
import pytest
import torch
from tests.losses.golden import check_loss
from torch import Tensor

from seglet.losses.distillation.ifvd import variation_loss
from seglet.tensors import resize_labels
from seglet.types import IGNORE

Case = dict[str, np.ndarray]


@pytest.mark.golden("kd", "ifvd")
@pytest.mark.parametrize("source", ["cirkd", "ifvd_official"])
def test_matches_the_authors_numbers(case: Case, source: str) -> None:
    labels = torch.from_numpy(case["in_labels"])  # ignored ones are 255 in one case, -1 in the other
    check_loss(case, lambda s, t: variation_loss(s, t, labels, int(case["hp_num_classes"])), f"loss_{source}")


@pytest.mark.golden("kd", "ifvd")
def test_labels_shrink_as_the_authors_do(case: Case) -> None:
    small = case["out_labels_small"]
    np.testing.assert_array_equal(resize_labels(torch.from_numpy(case["in_labels"]), small.shape[1:]).numpy(), small)


def row(*pixels: tuple[float, float]) -> Tensor:
    """One image of one row with two channels."""
    return torch.tensor(pixels, dtype=torch.float32).T[None, :, None]


APART, ALIKE = row((1, 0), (0, 1)), row((1, 1), (2, 2))


def test_a_class_spread_over_ninety_degrees_lies_forty_five_from_its_mean() -> None:
    loss = variation_loss(APART, ALIKE, torch.zeros(1, 1, 2, dtype=torch.uint8), 1)
    assert loss.item() == pytest.approx((1 - 0.5**0.5) ** 2)


def test_an_ignored_pixel_adds_nothing_but_is_divided_by() -> None:
    labels, void = torch.zeros(1, 1, 2, dtype=torch.long), torch.full((1, 1, 2), IGNORE)
    wide = variation_loss(torch.cat([APART, APART], 3), torch.cat([ALIKE, ALIKE], 3), torch.cat([labels, void], 2), 1)
    torch.testing.assert_close(wide, variation_loss(APART, ALIKE, labels, 1) / 2)


def test_nothing_annotated_gives_zero_and_no_gradient() -> None:
    student = torch.randn(2, 3, 4, 4, requires_grad=True)
    loss = variation_loss(student, torch.randn(2, 5, 4, 4), torch.full((2, 8, 8), IGNORE), 3)
    loss.backward()
    assert loss.item() == 0
    assert student.grad is not None
    assert torch.count_nonzero(student.grad) == 0


def test_a_lone_pixel_of_a_class_is_its_own_mean() -> None:
    assert variation_loss(APART, ALIKE, torch.tensor([[[0, 4]]]), 6).item() == pytest.approx(0, abs=1e-10)


def test_a_pixel_without_feature_has_no_gradient() -> None:
    student = row((0, 0), (0, 1)).requires_grad_()
    variation_loss(student, APART, torch.zeros(1, 1, 2, dtype=torch.long), 1).backward()
    assert student.grad is not None
    assert student.grad.abs().max() < 10


@pytest.mark.usefixtures("unchecked")
def test_labels_of_other_images_are_refused() -> None:
    with pytest.raises(ValueError, match="labels of 2 images for features of 1"):
        variation_loss(APART, ALIKE, torch.zeros(2, 1, 2, dtype=torch.long), 1)
