from collections.abc import Mapping

import numpy as np
import pytest
import torch

from seglet.labels.semi.pseudo_label import PseudoLabelMap, pseudo_label_map
from seglet.losses.task import confidence_ratio_cross_entropy, cross_entropy, mean_confidence_cross_entropy
from seglet.types import IGNORE, Target

Case = Mapping[str, np.ndarray]


def read_case(case: Case) -> tuple[PseudoLabelMap, torch.Tensor, float]:
    weak, strong, ignore = (torch.from_numpy(case[name]) for name in ("logits_weak", "logits_strong", "ignore"))
    return pseudo_label_map(weak, ignore != IGNORE), strong.requires_grad_(), float(case["threshold"])


@pytest.mark.golden("semi", "conf_ce")
def test_pseudo_labels_and_their_loss_are_unimatchs(case: Case) -> None:
    found, strong, threshold = read_case(case)
    np.testing.assert_array_equal(found.labels, case["pseudo"])
    np.testing.assert_allclose(found.confidence, case["conf"], rtol=1e-12)
    loss = cross_entropy(strong, found.target(threshold))
    np.testing.assert_allclose(loss.item(), case["loss_pixelwise"], rtol=1e-12)
    np.testing.assert_allclose(found.share_above(threshold), case["mask_ratio"], rtol=1e-12)


@pytest.mark.golden("semi", "conf_ce")
def test_weights_of_whole_images_are_semivls(case: Case) -> None:
    found, strong, threshold = read_case(case)
    ratio = confidence_ratio_cross_entropy(strong, found.labels, found.confidence, found.valid, threshold)
    average = mean_confidence_cross_entropy(strong, found.labels, found.confidence, found.valid)
    np.testing.assert_allclose(ratio.item(), case["loss_pixelratio_semivl"], rtol=1e-12)
    np.testing.assert_allclose(average.item(), case["loss_pixelavg_semivl"], rtol=1e-12)


@pytest.mark.golden("semi", "conf_ce")
def test_labelled_pixels_are_averaged_without_the_ignored_ones(case: Case) -> None:
    labels = torch.from_numpy(case["label"])
    loss = cross_entropy(torch.from_numpy(case["logits_strong"]), Target(labels, torch.ones_like(labels).double()))
    np.testing.assert_allclose(loss, case["loss_supervised"], rtol=1e-12)


def test_no_gradient_reaches_the_teacher() -> None:
    weak, strong = (torch.rand(1, 3, 2, 2, requires_grad=True) for _ in range(2))
    cross_entropy(strong, pseudo_label_map(weak, torch.ones(1, 2, 2, dtype=torch.bool)).target(0)).backward()
    assert weak.grad is None
    assert strong.grad is not None


def test_nothing_valid_gives_zero_and_no_nan() -> None:
    found = pseudo_label_map(torch.full((2, 3, 2, 2), 1e4), torch.zeros(2, 2, 2, dtype=torch.bool))
    logits = torch.rand(2, 3, 2, 2)
    assert cross_entropy(logits, found.target(0.5)) == 0
    assert found.share_above(0.5) == 0
    assert confidence_ratio_cross_entropy(logits, found.labels, found.confidence, found.valid, 0.5) == 0
    assert mean_confidence_cross_entropy(logits, found.labels, found.confidence, found.valid) == 0


def test_pseudo_labels_from_half_precision_have_probabilities_of_single() -> None:
    found = pseudo_label_map(
        torch.tensor([8.0, 0.0], dtype=torch.bfloat16).view(1, 2, 1, 1), torch.ones(1, 1, 1, dtype=torch.bool)
    )
    assert found.confidence.item() == pytest.approx(1 / (1 + np.exp(-8)), rel=1e-6)
