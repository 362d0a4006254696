import numpy as np
import pytest
import torch
from torch import Tensor

from seglet.losses.affinity import affinity_loss, pair_labels
from seglet.types import IGNORE

Case = dict[str, np.ndarray]


def pairs_of(case: Case) -> Tensor:
    labels, patches = torch.from_numpy(case["label"]), case["affinity_label"].shape[1]
    height, width = labels.shape[1:]
    side = next(side for side in range(1, height + 1) if (height // side) * (width // side) <= patches)
    assert (height // side) * (width // side) == patches, f"no patch of {height}x{width} leaves {patches} of them"
    return pair_labels(labels, (height // side, width // side), int(case["radius"]))


@pytest.mark.golden("weak", "affinity_loss")
def test_pairs_match_the_authors(case: Case) -> None:
    np.testing.assert_array_equal(pairs_of(case).numpy(), case["affinity_label"])


@pytest.mark.golden("weak", "affinity_loss")
def test_loss_matches_the_authors_number(case: Case) -> None:  # computed in float32
    affinity = torch.from_numpy(case["attn_pred"]).double()
    assert affinity_loss(affinity, pairs_of(case)).item() == pytest.approx(case["aff_loss"].item(), rel=1e-6)


@pytest.mark.golden("weak", "affinity_loss")
def test_gradient_is_that_of_the_formula(case: Case) -> None:
    pairs, affinity = pairs_of(case), torch.from_numpy(case["attn_pred"]).double().requires_grad_()
    (gradient,) = torch.autograd.grad(affinity_loss(affinity, pairs), affinity)
    counts = case["pos_count"], case["neg_count"]  # with the one they add
    expected = (pairs == 0).double() / (2 * counts[1]) - (pairs == 1).double() / (2 * counts[0])
    torch.testing.assert_close(gradient, expected, rtol=1e-9, atol=1e-15)


LABELS = torch.tensor([[[0, 0, 5]]])
PAIRS = [[[1, 1, 0], [1, 1, 0], [0, 0, 1]]]


def test_patches_of_one_label_belong_together() -> None:
    assert pair_labels(LABELS, (1, 3)).tolist() == PAIRS
    assert pair_labels(LABELS.to(torch.uint8), (1, 3)).tolist() == PAIRS


def test_patches_further_apart_than_the_radius_are_ignored() -> None:
    assert pair_labels(LABELS, (1, 3), radius=1)[0, 0].tolist() == [1, 1, IGNORE]


def test_pairs_with_an_ignored_patch_are_ignored() -> None:
    pairs = pair_labels(torch.tensor([[[0, IGNORE, 0]]]), (1, 3))
    assert pairs[0, 1].eq(IGNORE).all()
    assert pairs[0, :, 1].eq(IGNORE).all()


def test_labels_are_taken_at_the_grid() -> None:
    large = LABELS.repeat_interleave(4, dim=1).repeat_interleave(4, dim=2)
    assert pair_labels(large, (1, 3)).tolist() == PAIRS


def test_half_the_mean_lack_within_plus_half_the_mean_affinity_across() -> None:
    affinity = torch.full((1, 3, 3), 0.25)  # 5 pairs within, 4 across, one more of each in the divisor
    expected = (5 * 0.75 / 6 + 4 * 0.25 / 5) / 2
    assert affinity_loss(affinity, torch.tensor(PAIRS)).item() == pytest.approx(expected)


def test_no_known_pair_costs_nothing_and_has_no_gradient() -> None:
    affinity = torch.full((1, 4, 4), torch.nan).requires_grad_()
    loss = affinity_loss(affinity, pair_labels(torch.full((1, 8, 8), IGNORE), (2, 2)))
    loss.backward()
    assert loss.item() == 0
    assert affinity.grad is not None
    assert affinity.grad.eq(0).all()


def test_half_precision_is_summed_in_single() -> None:
    affinity = torch.rand(1, 400, 400, generator=torch.Generator().manual_seed(0)).half()
    pairs = pair_labels(torch.arange(400).reshape(1, 20, 20) % 3, (20, 20))
    assert affinity_loss(affinity, pairs) == affinity_loss(affinity.float(), pairs)


def test_a_negative_radius_is_refused() -> None:
    with pytest.raises(ValueError, match="from 0 up, got -1"):
        pair_labels(LABELS, (1, 3), radius=-1)
