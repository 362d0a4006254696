from collections.abc import Mapping

import numpy as np
import pytest
import torch
from tests.golden_near import assert_near
from torch import Tensor

from seglet.models.diffusion.categorical import LabelFlips, draw_labels, gumbel_like, one_hot_labels
from seglet.types import IGNORE

Case = Mapping[str, np.ndarray]


def of(case: Case, cumulative: bool = True) -> tuple[LabelFlips, Tensor, Tensor]:
    """Each stored step as an image of the batch: rates, labels, steps."""
    steps = torch.from_numpy(case["t"])
    count = len(steps)
    rates = torch.from_numpy(case["beta_map"]).expand(count, 1, -1, -1)
    return LabelFlips(rates, int(case["C"]), cumulative), torch.from_numpy(case["x0"]).expand(count, -1, -1), steps


def planes(labels: Tensor, classes: int) -> Tensor:
    return one_hot_labels(labels, classes).double()


@pytest.mark.golden("semi", "d3pm")
def test_the_forward_process_is_a_product_of_matrices(case: Case) -> None:
    flips, labels, steps = of(case)
    clean = planes(labels, flips.classes)
    assert_near(flips.forward(clean, steps), case["q_xt_cumulative"], 1e-12)
    soft = torch.from_numpy(case["soft_x0"]).expand(len(steps), -1, -1, -1)
    assert_near(flips.forward(soft, steps), case["q_xt_soft"], 1e-12)


@pytest.mark.golden("semi", "d3pm")
def test_read_literally_the_step_changes_nothing(case: Case) -> None:
    flips, labels, steps = of(case, cumulative=False)
    noisy = flips.forward(planes(labels, flips.classes), steps)
    assert_near(noisy, np.broadcast_to(case["q_xt_literal"], noisy.shape), 1e-12)
    belief = planes(labels, flips.classes)
    assert torch.equal(flips.reverse(labels, belief, torch.ones_like(steps)), belief)


@pytest.mark.golden("semi", "d3pm")
def test_labels_are_drawn_with_gumbel_noise(case: Case) -> None:
    drawn = draw_labels(torch.from_numpy(case["q_xt_cumulative"]), torch.from_numpy(case["gumbel"]))
    np.testing.assert_array_equal(drawn, case["xt"])


@pytest.mark.golden("semi", "d3pm")
def test_the_way_back_is_bayes_rule(case: Case) -> None:
    flips, labels, steps = of(case)
    noisy = torch.from_numpy(case["xt"])
    assert_near(flips.posterior(noisy, labels, steps), case["posterior"], 1e-11)
    soft = torch.from_numpy(case["soft_x0"]).expand(len(steps), -1, -1, -1)
    assert_near(flips.reverse(noisy, soft, steps), case["reverse_soft"], 1e-11)


@pytest.mark.golden("semi", "d3pm")
@pytest.mark.parametrize("where", ["", "_edge"])
def test_what_survives_is_the_published_share(case: Case, where: str) -> None:
    steps = torch.arange(int(case["T"]) + 1)
    rates = torch.full((len(steps), 1, 1, 1), float(case[f"beta{where}"]), dtype=torch.float64)
    flips = LabelFlips(rates, int(case["C"]))
    kept = flips.survival(steps).flatten()
    assert_near(kept, case[f"A{where}"], 1e-12)
    assert_near(kept + (1 - kept) / flips.classes, case[f"keep{where}"], 1e-12)


def test_flipped_labels_have_the_frequencies_of_the_forward_process() -> None:
    flips, steps = LabelFlips(torch.full((1, 1, 200, 200), 0.2), 4), torch.tensor([3])
    labels = torch.full((1, 200, 200), 2)
    drawn = flips.flip(labels, steps, torch.Generator().manual_seed(0))
    one = LabelFlips(torch.full((1, 1, 1, 1), 0.2), 4)
    wanted = one.forward(one_hot_labels(labels[:, :1, :1], 4).float(), steps).flatten()
    found = torch.bincount(drawn.flatten(), minlength=4) / 40_000
    torch.testing.assert_close(found, wanted, rtol=0, atol=0.01)


def test_void_pixels_never_flip() -> None:
    labels = torch.full((2, 8, 8), IGNORE)
    flips = LabelFlips(torch.full((2, 1, 8, 8), 0.5), 3)
    assert (flips.flip(labels, torch.tensor([10, 10]), torch.Generator().manual_seed(0)) == IGNORE).all()
    back = flips.reverse(labels, torch.full((2, 3, 8, 8), 1 / 3), torch.tensor([1, 5]))
    assert torch.isfinite(back).all()


def test_gumbel_noise_draws_a_certain_class_always() -> None:
    certain = one_hot_labels(torch.tensor([[[2, 0]]]), 3).float()
    assert draw_labels(certain, gumbel_like(certain, torch.Generator().manual_seed(1))).tolist() == [[[2, 0]]]


def test_one_class_has_nothing_to_flip_to() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        LabelFlips(torch.zeros(1, 1, 1, 1), 1)
