"""The Gated CRF loss, by hand."""

import math

import pytest
import torch

from seglet.losses import gated_crf_loss
from seglet.types import IGNORE, Target

NEAR = math.exp(-1 / 72)
"""Weight of neighbours of one colour, at the default distance of 6."""


def target(*rows: list[int]) -> Target:
    labels = torch.tensor([rows])
    return Target(labels, torch.ones_like(labels, dtype=torch.float64))


def logits_of(*chances: float) -> torch.Tensor:
    """Returns logits of two classes for a row of pixels, the second with these probabilities."""
    second = torch.logit(torch.tensor([chances], dtype=torch.float64))
    return torch.stack((torch.zeros_like(second), second))[None]


def grey(*values: float) -> torch.Tensor:
    return torch.tensor([values], dtype=torch.float64).expand(1, 3, 1, len(values))


def test_two_pixels_of_one_colour_cost_their_chance_to_differ() -> None:
    """Each of the two pixels has one neighbour: the mean is k (1 - (.9 * .2 + .1 * .8)) = .74 k."""
    loss = gated_crf_loss(logits_of(0.9, 0.2), target([1, IGNORE]), grey(0.5, 0.5))
    assert loss.item() == pytest.approx(0.74 * NEAR)


def test_an_edge_of_a_deviation_of_colour_weighs_less() -> None:
    """Three channels that differ by one deviation: exp(-3 / 2)."""
    loss = gated_crf_loss(logits_of(0.9, 0.2), target([1, IGNORE]), grey(0.5, 0.6))
    assert loss.item() == pytest.approx(0.74 * NEAR * math.exp(-1.5))


def test_the_radius_bounds_the_window() -> None:
    logits, labels = logits_of(0.9, 0.9, 0.2), target([1, 1, 1])
    near = 2 * (0.18 + 0.74) * NEAR / 3  # 1 - (.81 + .01) = .18
    assert gated_crf_loss(logits, labels, grey(0, 0, 0), radius=1).item() == pytest.approx(near)
    far = 2 * 0.74 * math.exp(-4 / 72) / 3
    assert gated_crf_loss(logits, labels, grey(0, 0, 0), radius=2).item() == pytest.approx(near + far)


def test_an_image_without_a_label_counts_nothing_and_has_a_gradient_of_0() -> None:
    logits = logits_of(0.9, 0.2).requires_grad_()
    loss = gated_crf_loss(logits, target([IGNORE, IGNORE]), grey(0.5, 0.5))
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_images_are_averaged_to_the_size_of_the_logits() -> None:
    images = torch.stack([grey(0.4, 0.6, 0.5, 0.5)[0]] * 1)
    loss = gated_crf_loss(logits_of(0.9, 0.2), target([1, 1, IGNORE, IGNORE]), images)
    assert loss.item() == pytest.approx(0.74 * NEAR)
