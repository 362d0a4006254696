import numpy as np
import pytest
import torch
from tests.losses.golden import check_loss
from torch import Tensor

from seglet.losses.distillation.dist import between_classes, class_rows, correlation_loss, within_classes

Case = dict[str, np.ndarray]


@pytest.mark.golden("kd", "dist")
def test_matches_the_authors_segmentation(case: Case) -> None:
    beta, gamma = float(case["hp_beta"]), float(case["hp_gamma"])
    check_loss(case, lambda s, t: correlation_loss(s, t, beta=beta, gamma=gamma), "loss_seg")


@pytest.mark.golden("kd", "dist")
def test_matches_the_authors_classification(case: Case) -> None:
    beta, gamma, tau = (float(case[f"hp_{name}"]) for name in ("beta", "gamma", "tau"))
    check_loss(case, lambda s, t: correlation_loss(s, t, tau, beta, gamma), "loss_cls_tau", "logit")


@pytest.mark.golden("kd", "dist")
def test_matches_both_terms(case: Case) -> None:
    for term, name in ((between_classes, "loss_inter"), (within_classes, "loss_intra")):
        check_loss(case, lambda s, t, term=term: term(class_rows(s).softmax(0), class_rows(t).softmax(0)), name)


def line(*probabilities: float) -> Tensor:
    """Probability of the first of two classes, pixel by pixel."""
    first = torch.tensor(probabilities)
    return torch.stack([first, 1 - first])


def test_agreeing_on_the_order_of_classes_costs_nothing_whatever_the_confidence() -> None:
    assert between_classes(line(0.6, 0.3), line(0.9, 0.1)).item() == pytest.approx(0, abs=1e-6)


def test_the_opposite_order_costs_two() -> None:
    assert between_classes(line(0.6), line(0.1)).item() == pytest.approx(2)
    assert within_classes(line(0.2, 0.4), line(0.9, 0.7)).item() == pytest.approx(2)


def test_what_does_not_vary_correlates_with_nothing() -> None:
    assert between_classes(line(0.5), line(0.9)).item() == 1
    assert within_classes(line(0.3, 0.3), line(0.9, 0.7)).item() == 1


def test_a_class_is_followed_over_the_images_of_the_batch() -> None:
    student, teacher = torch.tensor([[0.2, 0.8], [0.4, 0.6]]).log(), torch.tensor([[0.7, 0.3], [0.9, 0.1]]).log()
    assert correlation_loss(student, teacher, beta=0).item() == pytest.approx(0, abs=1e-5)
    assert correlation_loss(student[:1], teacher[:1], beta=0).item() == 1


def test_what_is_not_counted_correlates_with_nothing() -> None:
    student, teacher = (line(*values).log()[None, :, None] for values in ((0.6, 0.2, 0.8), (0.1, 0.9, 0.7)))
    teacher[..., 2] = torch.nan
    counted = torch.tensor([[[True, True, False]]])
    assert correlation_loss(student, teacher, gamma=0, counted=counted).item() == pytest.approx(2)  # both reversed
    assert correlation_loss(student, teacher, beta=0, counted=counted).item() == pytest.approx(2)
    assert correlation_loss(student, teacher, counted=torch.zeros_like(counted)).item() == 0


def test_the_pixels_that_count_are_a_batch_of_their_own() -> None:
    student, teacher = torch.randn(2, 2, 3, 2, 2)
    counted = torch.tensor([[[True, False], [True, True]], [[False, False], [True, False]]])
    rows = (maps.permute(0, 2, 3, 1)[counted] for maps in (student, teacher))
    torch.testing.assert_close(correlation_loss(student, teacher, counted=counted), correlation_loss(*rows))


def test_weights_multiply_what_a_pixel_costs_between_classes() -> None:
    reversed_and_agreeing = line(0.6, 0.3), line(0.1, 0.2)
    assert between_classes(*reversed_and_agreeing).item() == pytest.approx(1)  # 2 and 0
    assert between_classes(*reversed_and_agreeing, torch.tensor([3.0, 1])).item() == pytest.approx(3)


def test_a_pixel_of_weight_two_is_two_pixels_within_a_class() -> None:
    student, teacher = (torch.rand(3, 4, dtype=torch.float64) for _ in range(2))
    weight, twice = torch.tensor([2.0, 1, 1, 1]).double(), [0, 0, 1, 2, 3]
    repeated = within_classes(student[:, twice], teacher[:, twice])
    torch.testing.assert_close(within_classes(student, teacher, weight), repeated * 5 / 4)  # times the mean weight
