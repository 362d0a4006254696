import math

import numpy as np
import pytest
import torch
from tests.golden_near import assert_near
from tests.losses.ssss import decoded, scores, with_background

from seglet.labels.cam.pseudo_masks import balanced_target, confident_masks
from seglet.losses.task import mask_loss, multilabel_soft_margin
from seglet.types import IGNORE, Target

Case = dict[str, np.ndarray]


@pytest.mark.golden("weak", "pseudo_gt")
def test_matches_authors_numbers(case: Case) -> None:
    target = balanced_target(torch.from_numpy(case["pseudo_gt"]) > 0, torch.from_numpy(case["labels"]).double())
    logits = torch.from_numpy(case["logits"]).double().requires_grad_()
    loss = mask_loss(logits, target)
    (gradient,) = torch.autograd.grad(loss.sum(), logits)
    assert_near(loss, case["loss_mask_per_sample"], 1e-5)
    assert_near(gradient, case["grad_logits"], 1e-5)


@pytest.mark.golden("weak", "ssss_head")
def test_the_whole_objective_and_its_gradient_are_the_authors(case: Case) -> None:
    foreground, tags = decoded(case), torch.from_numpy(case["labels"]).double()
    target = balanced_target(confident_masks(torch.from_numpy(case["masks_dec"])), tags)
    masks = mask_loss(with_background(foreground), target)
    total = multilabel_soft_margin(scores(case, foreground), tags) + masks.mean()
    (gradient,) = torch.autograd.grad(total, foreground)
    assert_near(masks, case["loss_mask_per_sample"], 1e-5)
    assert_near(total, case["loss_total"], 1e-5)
    assert_near(gradient, case["grad_logits"], 1e-5)


def target(labels: list[int], weight: float = 1.0) -> Target:
    return Target(torch.tensor([[labels]]), torch.full((1, 1, len(labels)), weight))


def test_pixels_without_a_label_still_count_in_the_mean() -> None:
    loss = mask_loss(torch.zeros(1, 2, 1, 2), target([0, IGNORE]))
    assert loss.item() == pytest.approx(math.log(2) / 2)


def test_each_image_has_its_own_loss() -> None:
    two = Target(torch.zeros(2, 1, 1, dtype=torch.long), torch.tensor([1.0, 0.5]).view(2, 1, 1))
    torch.testing.assert_close(mask_loss(torch.zeros(2, 2, 1, 1), two), torch.tensor([1, 0.5]) * math.log(2))


def test_an_ignored_image_costs_nothing_and_has_no_gradient() -> None:
    logits = torch.randn(1, 2, 1, 3, requires_grad=True)
    loss = mask_loss(logits, target([IGNORE] * 3)).sum()
    loss.backward()
    assert loss == 0
    assert logits.grad is not None
    assert logits.grad.eq(0).all()


@pytest.mark.parametrize("strength", [1e4, -1e4])
def test_huge_logits_of_half_precision_stay_finite(strength: float) -> None:
    logits = torch.tensor([strength, 0.0]).view(1, 2, 1, 1).half().requires_grad_()
    loss = mask_loss(logits, target([0])).sum()
    loss.backward()
    assert loss.dtype == torch.float32
    assert loss.isfinite()


def test_an_empty_batch_has_no_loss() -> None:
    empty = Target(torch.zeros(0, 2, 2, dtype=torch.long), torch.zeros(0, 2, 2))
    assert mask_loss(torch.zeros(0, 3, 2, 2), empty).shape == (0,)
