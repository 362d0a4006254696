import math

import pytest
import torch
import torch.nn.functional as F

from seglet.losses.rare_classes import (
    class_weighted_mean,
    focal_loss,
    median_frequency_weights,
    smoothed_cross_entropy,
)
from seglet.losses.task import cross_entropy, hard_pixel_cross_entropy
from seglet.types import IGNORE, Target

LABELS = torch.tensor([[[0, 1, 2, IGNORE], [2, 2, 1, 0]]])
LOGITS = torch.randn(1, 3, 2, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
WEIGHTS = torch.tensor([1.0, 4.0, 0.5], dtype=torch.float64)


def target(labels: torch.Tensor = LABELS) -> Target:
    return Target(labels, torch.ones(labels.shape, dtype=torch.float64))


def test_median_frequencies_by_hand() -> None:
    """Class a has 80 % of its images' pixels and b 20 %: the median is 50 %. Nothing shows c."""
    counts = torch.tensor([[80.0, 20.0, 0.0], [100.0, 100.0, 0.0]])
    torch.testing.assert_close(median_frequency_weights(*counts), torch.tensor([0.625, 2.5, 1.0]))


def test_class_weights_are_those_of_torch() -> None:
    expected = F.cross_entropy(LOGITS, LABELS, weight=WEIGHTS, ignore_index=IGNORE)
    torch.testing.assert_close(smoothed_cross_entropy(LOGITS, target(), class_weights=WEIGHTS), expected)


def test_label_smoothing_is_that_of_torch() -> None:
    expected = F.cross_entropy(LOGITS, LABELS, label_smoothing=0.1, ignore_index=IGNORE)
    torch.testing.assert_close(smoothed_cross_entropy(LOGITS, target(), 0.1), expected)


def test_focal_loss_of_an_even_chance_is_a_quarter_of_log_two() -> None:
    loss = focal_loss(torch.zeros(1, 2, 1, 3), target(torch.tensor([[[0, 1, IGNORE]]])))
    assert loss.item() == pytest.approx(0.25 * math.log(2))


def test_focal_loss_with_gamma_zero_is_cross_entropy() -> None:
    torch.testing.assert_close(focal_loss(LOGITS, target(), gamma=0), cross_entropy(LOGITS, target()))


def test_a_sure_pixel_gives_the_focal_loss_no_nan() -> None:
    logits = torch.tensor([[[[80.0]], [[0.0]]]], requires_grad=True)
    focal_loss(logits, target(torch.tensor([[[0]]])), gamma=0.5).backward()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


def test_class_weights_weigh_the_hard_pixels_and_do_not_choose_them() -> None:
    """Of three pixels with the losses log 4, log 2 and log 1.25 the first two are hard."""
    logits = torch.tensor([[0.25, 0.75], [0.5, 0.5], [0.8, 0.2]], dtype=torch.float64).log().T[None, :, None]
    labels, weights = torch.tensor([[[0, 1, 0]]]), torch.tensor([1.0, 3.0], dtype=torch.float64)
    loss = hard_pixel_cross_entropy(logits, target(labels), 1, 0.7, weights)
    assert loss.item() == pytest.approx((math.log(4) + 3 * math.log(2)) / 4)


def test_a_class_of_weight_zero_alone_costs_nothing() -> None:
    losses = torch.ones(1, 1, 2, dtype=torch.float64)
    assert class_weighted_mean(losses, target(torch.tensor([[[0, 0]]])), torch.tensor([0.0, 1.0])) == 0
