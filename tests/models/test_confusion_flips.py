from collections.abc import Mapping

import numpy as np
import pytest
import torch
from tests.golden_near import assert_near
from torch import Tensor

from seglet.models.diffusion.categorical import one_hot_labels
from seglet.models.diffusion.confusion_flips import ConfusionFlips, mistakes_from_counts
from seglet.types import IGNORE

Case = Mapping[str, np.ndarray]
ALONG = torch.tensor([[0.0, 0.5, 0.0], [1.0, 0.0, 1.0], [0.0, 0.5, 0.0]], dtype=torch.float64)
"""The outer classes are mistaken for the middle one, the middle one for either."""


def planes(*chances: float) -> Tensor:
    return torch.tensor(chances, dtype=torch.float64).view(1, -1, 1, 1)


def along(rate: float = 0.2, cumulative: bool = True) -> ConfusionFlips:
    return ConfusionFlips(torch.full((1, 1, 1, 1), rate, dtype=torch.float64), ALONG, cumulative)


@pytest.mark.golden("semi", "d3pm")
def test_equal_mistakes_are_the_uniform_kernel(case: Case) -> None:
    steps, classes = torch.from_numpy(case["t"]), int(case["C"])
    rates = torch.from_numpy(case["beta_map"]).expand(len(steps), 1, -1, -1)
    uniform = torch.full((classes, classes), 1 / (classes - 1), dtype=torch.float64).fill_diagonal_(0)
    flips, soft = ConfusionFlips(rates, uniform), torch.from_numpy(case["soft_x0"]).expand(len(steps), -1, -1, -1)
    assert_near(flips.forward(soft, steps), case["q_xt_soft"], 1e-9)
    assert_near(flips.reverse(torch.from_numpy(case["xt"]), soft, steps), case["reverse_soft"], 1e-9)


def test_two_steps_lead_to_the_mistakes_of_mistakes() -> None:
    noisy = along().forward(planes(1, 0, 0), torch.tensor([2]))
    # none .64; once .32, to the middle; twice .04, from there to either end
    torch.testing.assert_close(noisy, planes(0.64 + 0.02, 0.32, 0.02))
    torch.testing.assert_close(along(cumulative=False).forward(planes(1, 0, 0), torch.tensor([2])), planes(0.8, 0.2, 0))


def test_the_way_back_is_bayes_rule_with_these_mistakes() -> None:
    seen, steps = torch.tensor([[[1]]]), torch.tensor([2])
    back = along().reverse(seen, planes(1, 0, 0), steps)
    # from 0 in two steps to 1: .8 · .2 by way of 0, .2 · .8 by way of 1
    torch.testing.assert_close(back, planes(0.5, 0.5, 0))
    torch.testing.assert_close(along().reverse(seen, planes(0.3, 0.7, 0), torch.tensor([1])), planes(0.3, 0.7, 0))


def test_flipped_labels_are_mistakes_and_void_stays() -> None:
    flips = ConfusionFlips(torch.full((1, 1, 100, 100), 0.5), ALONG.float())
    labels = torch.zeros(1, 100, 100, dtype=torch.long)
    labels[:, 0] = IGNORE
    drawn = flips.flip(labels, torch.tensor([1]), torch.Generator().manual_seed(0))
    assert (drawn[:, 0] == IGNORE).all()
    assert set(drawn[:, 1:].unique().tolist()) == {0, 1}
    assert float((drawn[:, 1:] == 1).float().mean()) == pytest.approx(0.5, abs=0.02)


def test_flips_agree_with_one_hot_labels_of_the_forward_process() -> None:
    labels = torch.tensor([[[2]]])
    noisy = along(0.5).forward(one_hot_labels(labels, 3).double(), torch.tensor([1]))
    torch.testing.assert_close(noisy, planes(0, 0.5, 0.5))


def test_mistakes_are_shares_of_the_errors_of_each_class() -> None:
    counts = torch.tensor([[90.0, 9.0, 0.0], [4.0, 50.0, 4.0], [0.0, 0.0, 7.0]])
    expected = torch.tensor([[0.0, 0.5, 0.5], [10 / 11, 0.0, 0.5], [1 / 11, 0.5, 0.0]])
    torch.testing.assert_close(mistakes_from_counts(counts), expected)
    assert counts[0, 0] == 90
