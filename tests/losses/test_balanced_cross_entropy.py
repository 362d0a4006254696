from math import log

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from seglet.losses.task import balanced_cross_entropy
from seglet.types import IGNORE, Target

Case = dict[str, np.ndarray]


def target(labels: Tensor) -> Target:
    return Target(labels=labels, weight=torch.ones(labels.shape))


@pytest.mark.golden("weak", "affinity_loss")
def test_matches_the_authors_number(case: Case) -> None:  # computed in float32
    loss = balanced_cross_entropy(
        torch.from_numpy(case["seg_logits"]).double(), target(torch.from_numpy(case["label"]))
    )
    assert loss.item() == pytest.approx(case["seg_loss"].item(), rel=1e-6)


@pytest.mark.golden("weak", "affinity_loss")
def test_gradient_is_that_of_two_cross_entropies(case: Case) -> None:
    logits, labels = torch.from_numpy(case["seg_logits"]).double().requires_grad_(), torch.from_numpy(case["label"])
    halves = (labels.masked_fill(labels != 0, IGNORE), labels.masked_fill(labels == 0, IGNORE))
    plain = sum(F.cross_entropy(logits, half, ignore_index=IGNORE) for half in halves) / 2
    gradients = [
        torch.autograd.grad(loss, logits)[0] for loss in (balanced_cross_entropy(logits, target(labels)), plain)
    ]
    torch.testing.assert_close(*gradients, rtol=1e-9, atol=1e-18)


def test_one_pixel_of_foreground_weighs_as_much_as_all_background() -> None:
    logits = torch.tensor([[[[0.0, 0.0, 0.0, log(3.0)]], [[0.0] * 4]]])
    loss = balanced_cross_entropy(logits, target(torch.tensor([[[0, 0, 0, 1]]])))
    assert loss.item() == pytest.approx((log(2) + log(4)) / 2)


def test_a_half_without_pixels_is_zero() -> None:
    logits = torch.zeros(1, 2, 1, 2)
    assert balanced_cross_entropy(logits, target(torch.tensor([[[1, IGNORE]]]))).item() == pytest.approx(log(2) / 2)
    assert balanced_cross_entropy(logits, target(torch.full((1, 1, 2), IGNORE))).item() == 0


def test_a_pixel_of_weight_zero_counts_in_the_mean_alone() -> None:
    both = Target(labels=torch.tensor([[[1, 1]]]), weight=torch.tensor([[[1.0, 0.0]]]))
    assert balanced_cross_entropy(torch.zeros(1, 2, 1, 2), both).item() == pytest.approx(log(2) / 4)
