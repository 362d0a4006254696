import math

import numpy as np
import pytest
import torch
from tests.golden_near import assert_near

from seglet.losses.task import cross_entropy, hard_pixel_cross_entropy
from seglet.tensors import resize_align_corners
from seglet.types import IGNORE, Target


def target(labels: torch.Tensor, weight: float = 1.0) -> Target:
    return Target(labels, torch.full(labels.shape, weight, dtype=torch.float64))


@pytest.mark.golden("kd", "task_ce")
def test_matches_authors_numbers(case: dict[str, np.ndarray]) -> None:
    labels = torch.from_numpy(case["in_labels"])
    labels[labels == int(case["hp_ignore_index"])] = IGNORE
    logits = torch.from_numpy(case["in_feat_S"]).double().requires_grad_()
    loss = cross_entropy(logits, target(labels))
    (gradient,) = torch.autograd.grad(loss, logits)
    assert_near(loss, case["out_loss_f64"])
    assert_near(gradient, case["out_grad_feat_S__loss"])


def test_two_equal_logits_cost_log_two() -> None:
    loss = cross_entropy(torch.zeros(1, 2, 1, 3), target(torch.tensor([[[0, 1, 1]]])))
    assert loss.item() == pytest.approx(math.log(2))


def test_ignored_pixels_change_nothing() -> None:
    logits = torch.randn(1, 3, 1, 2, generator=torch.Generator().manual_seed(0))
    with_void = cross_entropy(logits, target(torch.tensor([[[1, IGNORE]]])))
    assert with_void == cross_entropy(logits[..., :1], target(torch.tensor([[[1]]])))


def test_pixels_of_weight_zero_stay_in_the_mean() -> None:
    labels = torch.tensor([[[0, 1]]])
    trusted = Target(labels, torch.tensor([[[1.0, 0.0]]]))
    assert cross_entropy(torch.zeros(1, 2, 1, 2), trusted).item() == pytest.approx(math.log(2) / 2)


def test_weight_two_doubles_the_loss() -> None:
    labels = torch.zeros(1, 2, 2, dtype=torch.long)
    assert cross_entropy(torch.zeros(1, 2, 2, 2), target(labels, 2.0)).item() == pytest.approx(2 * math.log(2))


def test_nothing_annotated_gives_zero_and_no_gradient() -> None:
    logits = torch.randn(1, 2, 2, 2, requires_grad=True)
    loss = cross_entropy(logits, target(torch.full((1, 4, 4), IGNORE)))
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert torch.count_nonzero(logits.grad) == 0


def test_takes_eight_bit_labels() -> None:
    assert cross_entropy(torch.zeros(1, 2, 1, 1), target(torch.zeros(1, 1, 1, dtype=torch.uint8))) > 0


def test_resizing_keeps_the_corner_values() -> None:
    corners = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    resized = resize_align_corners(corners, (5, 7))
    torch.testing.assert_close(resized[..., [0, 0, -1, -1], [0, -1, 0, -1]].flatten(), corners.flatten())


def of_probabilities(*right: float) -> tuple[torch.Tensor, Target]:
    """Returns logits of one row whose class, the first of two, has these probabilities, and its target."""
    chances = torch.tensor(right, dtype=torch.float64)
    logits = torch.stack((chances, 1 - chances)).log()[None, :, None]
    return logits, Target(torch.zeros(1, 1, len(right), dtype=torch.long), torch.ones(1, 1, len(right)))


@pytest.mark.parametrize(
    ("least", "hard"),
    [
        (1, (0.2, 0.5)),  # both are below 0.7
        (3, (0.2, 0.5, 0.8)),  # the next hardest is taken too
        (4, (0.2, 0.5, 0.8, 0.9)),
        (0, (0.2, 0.5, 0.8, 0.9)),
        (9, (0.2, 0.5, 0.8, 0.9)),
    ],
)
def test_hard_pixels_are_those_below_a_probability_and_at_least_so_many(least: int, hard: tuple[float, ...]) -> None:
    found = hard_pixel_cross_entropy(*of_probabilities(0.9, 0.2, 0.8, 0.5), least)
    assert float(found) == pytest.approx(sum(-math.log(p) for p in hard) / len(hard))


def test_void_pixels_are_not_hard() -> None:
    logits, target = of_probabilities(0.1, 0.6, 0.9)
    target.labels[..., 0] = IGNORE
    assert float(hard_pixel_cross_entropy(logits, target, 1)) == pytest.approx(-math.log(0.6))
    target.labels.fill_(IGNORE)
    assert hard_pixel_cross_entropy(logits, target, 1) == 0
