"""Masked distillation, by hand."""

import math

import pytest
import torch

from seglet.losses.distillation.learned_masks import mask_overlap, masked_distance, token_masks


def test_a_mask_is_the_sigmoid_of_token_times_feature() -> None:
    features = torch.tensor([[1.0, 2], [0, -1]]).reshape(1, 2, 1, 2)  # pixels (1, 0) and (2, -1)
    masks = token_masks(torch.tensor([[math.log(3), 0], [0, math.log(4)]]), features)
    assert masks.flatten().tolist() == pytest.approx([0.75, 0.9, 0.5, 0.2])


def test_overlap_is_the_mean_dice_of_two_masks() -> None:
    one, other, third = torch.tensor([[1.0, 0, 0, 0], [0.5, 0.5, 0, 0], [0, 0, 1, 1]])
    assert mask_overlap(torch.stack([one, one])[None, :, None]).item() == pytest.approx(1)
    pairs = torch.stack([one, other, third])[None, :, None]  # 2 · .5 / (1 + .5), 0 and 0
    assert mask_overlap(pairs).item() == pytest.approx(2 / 3 / 3)
    assert mask_overlap(pairs[:, :1]).item() == 0


def test_a_small_mask_counts_as_much_as_a_large_one() -> None:
    student, teacher = torch.tensor([[[[3.0, 1, 1]]]]), torch.zeros(1, 1, 1, 3)
    masks = torch.tensor([[[[1.0, 0, 0]], [[0, 0.5, 0.5]]]])  # 9 / 1 and (.25 + .25) / 1
    assert masked_distance(student, teacher, masks).item() == pytest.approx((9 + 0.5) / 2)


def test_outside_of_all_masks_nothing_matters() -> None:
    student = torch.tensor([[[[3.0, 1, 1]]]], requires_grad=True)
    masked_distance(student, torch.zeros(1, 1, 1, 3), torch.tensor([[[[0.0, 1, 0]]]])).backward()
    assert student.grad is not None
    assert student.grad.flatten().tolist() == [0, 2, 0]


def test_masks_of_zeros_cost_nothing() -> None:
    student, teacher = torch.ones(1, 2, 2, 2), torch.zeros(1, 2, 2, 2)
    assert masked_distance(student, teacher, torch.zeros(1, 3, 2, 2)).item() == 0
    assert mask_overlap(torch.zeros(1, 3, 2, 2)).item() == 0
