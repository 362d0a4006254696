from collections.abc import Mapping

import numpy as np
import pytest
import torch

from seglet.labels.semi.pseudo_label import Guess, guess
from seglet.losses.confident import average_cross_entropy, ratio_cross_entropy
from seglet.losses.pixel import cross_entropy
from seglet.types import IGNORE, Target

Case = Mapping[str, np.ndarray]


def of(case: Case) -> tuple[Guess, torch.Tensor, float]:
    weak, strong, ignore = (torch.from_numpy(case[name]) for name in ("logits_weak", "logits_strong", "ignore"))
    return guess(weak, ignore != IGNORE), strong.requires_grad_(), float(case["threshold"])


@pytest.mark.golden("semi", "conf_ce")
def test_the_guess_and_its_loss_are_unimatchs(case: Case) -> None:
    seen, strong, threshold = of(case)
    np.testing.assert_array_equal(seen.labels, case["pseudo"])
    np.testing.assert_allclose(seen.confidence, case["conf"], rtol=1e-12)
    loss = cross_entropy(strong, seen.target(threshold))
    np.testing.assert_allclose(loss.item(), case["loss_pixelwise"], rtol=1e-12)
    np.testing.assert_allclose(seen.share_above(threshold), case["mask_ratio"], rtol=1e-12)


@pytest.mark.golden("semi", "conf_ce")
def test_the_other_ways_to_believe_are_semivls(case: Case) -> None:
    seen, strong, threshold = of(case)
    ratio = ratio_cross_entropy(strong, seen.labels, seen.confidence, seen.valid, threshold)
    average = average_cross_entropy(strong, seen.labels, seen.confidence, seen.valid)
    np.testing.assert_allclose(ratio.item(), case["loss_pixelratio_semivl"], rtol=1e-12)
    np.testing.assert_allclose(average.item(), case["loss_pixelavg_semivl"], rtol=1e-12)


@pytest.mark.golden("semi", "conf_ce")
def test_labelled_pixels_are_averaged_without_the_ignored_ones(case: Case) -> None:
    labels = torch.from_numpy(case["label"])
    loss = cross_entropy(torch.from_numpy(case["logits_strong"]), Target(labels, torch.ones_like(labels).double()))
    np.testing.assert_allclose(loss, case["loss_supervised"], rtol=1e-12)


def test_no_gradient_reaches_the_teacher() -> None:
    weak, strong = (torch.rand(1, 3, 2, 2, requires_grad=True) for _ in range(2))
    cross_entropy(strong, guess(weak, torch.ones(1, 2, 2, dtype=torch.bool)).target(0)).backward()
    assert weak.grad is None
    assert strong.grad is not None


def test_nothing_valid_gives_zero_and_no_nan() -> None:
    seen = guess(torch.full((2, 3, 2, 2), 1e4), torch.zeros(2, 2, 2, dtype=torch.bool))
    logits = torch.rand(2, 3, 2, 2)
    assert cross_entropy(logits, seen.target(0.5)) == 0
    assert seen.share_above(0.5) == 0
    assert ratio_cross_entropy(logits, seen.labels, seen.confidence, seen.valid, 0.5) == 0
    assert average_cross_entropy(logits, seen.labels, seen.confidence, seen.valid) == 0


def test_a_guess_from_half_precision_has_probabilities_of_single() -> None:
    seen = guess(torch.tensor([8.0, 0.0], dtype=torch.bfloat16).view(1, 2, 1, 1), torch.ones(1, 1, 1, dtype=torch.bool))
    assert seen.confidence.item() == pytest.approx(1 / (1 + np.exp(-8)), rel=1e-6)
