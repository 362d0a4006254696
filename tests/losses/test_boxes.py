"""Losses of box supervision, by hand."""

import math

import pytest
import torch

from seglet.losses.boxes import box_affinity_loss, box_projection_loss, lab_colours
from seglet.types import IGNORE, Target

VOID = IGNORE


def boxed(*rows: list[int]) -> Target:
    labels = torch.tensor([rows])
    return Target(labels, torch.ones_like(labels, dtype=torch.float64))


def logits_of(probability: torch.Tensor) -> torch.Tensor:
    """Returns logits of two classes, the second with these probabilities."""
    return torch.stack((torch.zeros_like(probability), torch.logit(probability)))[None]


BOX = boxed([0, 0, 0, 0], [0, VOID, 1, 0], [0, VOID, VOID, 0], [0, 0, 0, 0])


def chance(*inside: float) -> torch.Tensor:
    """Returns logits with probabilities of the object in the four pixels of the box and 0.01 elsewhere."""
    found = torch.full((4, 4), 0.01, dtype=torch.float64)
    found[1:3, 1:3] = torch.tensor(inside, dtype=torch.float64).reshape(2, 2)
    return logits_of(found)


def test_half_a_chance_in_every_row_and_column() -> None:
    """Each projection is (.5, .5): 1 - 2 * 1 / (.5 + 2) = .2."""
    assert box_projection_loss(chance(0.5, 0.5, 0.5, 0.5), BOX).item() == pytest.approx(0.2)


def test_an_object_on_the_diagonal_touches_all_sides() -> None:
    assert box_projection_loss(chance(1 - 1e-9, 0.01, 0.01, 1 - 1e-9), BOX).item() == pytest.approx(0, abs=1e-6)


def test_an_object_in_one_row_misses_the_other() -> None:
    """Rows have (1, .01): 1 - 2.02 / 3.0001; columns have (1, 1): 0."""
    expected = (1 - 2 * 1.01 / (1.0001 + 2)) / 2
    assert box_projection_loss(chance(1 - 1e-9, 1 - 1e-9, 0.01, 0.01), BOX).item() == pytest.approx(expected, abs=1e-6)


def test_a_direction_that_the_view_cuts_is_left_out() -> None:
    cut = boxed([0, 0, 0], [VOID, 1, 0], [0, 0, 0])  # the rest of its row may be outside
    empty = logits_of(torch.tensor([[0.01, 0.01, 0.01], [0.5, 0.5, 0.01], [0.01, 0.01, 0.01]], dtype=torch.float64))
    assert box_projection_loss(empty, cut).item() == pytest.approx(0.2)  # of its columns alone
    assert box_projection_loss(empty, boxed([VOID, 1, VOID], [0, 0, 0], [VOID, 1, VOID])).item() == 0


def test_whole_masks_and_void_without_a_name_have_no_box() -> None:
    logits = chance(0.5, 0.5, 0.5, 0.5).requires_grad_()
    for target in (boxed(*[[0, 1, 1, 0]] * 4), boxed([0] * 4, [0, VOID, VOID, 0], [0] * 4, [0] * 4)):
        loss = box_projection_loss(logits, target)
        loss.backward()
        assert loss.item() == 0


def test_neighbours_of_one_colour_agree() -> None:
    """The void pixel is in two pairs; p = .5 gives Σ p p = .5 for each."""
    target = boxed([0, VOID, 1, 0])
    grey = torch.full((1, 3, 1, 4), 0.5, dtype=torch.float64)
    even = logits_of(torch.full((1, 4), 0.5, dtype=torch.float64))
    assert box_affinity_loss(even, target, grey, dilation=1).item() == pytest.approx(math.log(2))
    grey[..., 1:] = 1.0  # the first pair is no longer alike: that of the void pixel and the core stays
    sure = logits_of(torch.tensor([[0.1, 0.9, 0.9, 0.1]], dtype=torch.float64))
    assert box_affinity_loss(sure, target, grey, dilation=1).item() == pytest.approx(-math.log(0.81 + 0.01))


def test_colours_are_those_of_cielab() -> None:
    red = lab_colours(torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64).reshape(1, 3, 1, 1)).flatten()
    assert red.tolist() == pytest.approx([53.24, 80.09, 67.20], abs=0.02)  # sRGB's red at D65
    assert lab_colours(torch.ones(1, 3, 1, 1)).flatten().tolist() == pytest.approx([100, 0, 0], abs=0.01)
