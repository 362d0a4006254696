import numpy as np
import pytest
import torch
from tests.losses.golden import check_loss
from torch import Tensor

from seglet.losses.distillation.skd_pairwise import coarse_pairwise_loss, pairwise_loss

Case = dict[str, np.ndarray]


@pytest.mark.golden("kd", "skd_pairwise")
def test_matches_cirkds_numbers(case: Case) -> None:
    check_loss(case, lambda s, t: pairwise_loss(s, t, int(case["hp_pool"])), "loss_cirkd")


@pytest.mark.golden("kd", "skd_pairwise")
def test_matches_the_originals_numbers(case: Case) -> None:
    scale = float(case["hp_scale_official"])
    check_loss(case, lambda s, t: coarse_pairwise_loss(s, t, scale), "loss_skd_official")


@pytest.mark.golden("kd", "skd_pairwise")
def test_blocks_of_rows_change_nothing(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seglet.losses.distillation.skd_pairwise._ROWS", 7)
    check_loss(case, lambda s, t: pairwise_loss(s, t, int(case["hp_pool"])), "loss_cirkd")


def row(*pixels: tuple[float, float]) -> Tensor:
    """One image of one row with two channels."""
    return torch.tensor(pixels, dtype=torch.float32).T[None, :, None]


def test_two_places_apart_for_one_and_alike_for_the_other_cost_a_half() -> None:
    apart, alike = row((1, 0), (0, 1)), row((1, 1), (2, 2))
    assert pairwise_loss(apart, alike, window=1).item() == pytest.approx(0.5)  # two of four cosines differ by 1
    assert coarse_pairwise_loss(apart, alike).item() == pytest.approx(0.5)


def test_a_place_without_feature_has_no_gradient() -> None:
    for loss in (pairwise_loss, coarse_pairwise_loss):
        student = torch.zeros(1, 2, 4, 4, requires_grad=True)
        loss(student, torch.rand(1, 3, 4, 4)).backward()
        assert student.grad is not None
        assert torch.count_nonzero(student.grad) == 0


def test_turning_all_features_together_changes_nothing() -> None:
    features = torch.randn(2, 2, 6, 6, dtype=torch.float64)
    turned = torch.stack([-features[:, 1], features[:, 0]], dim=1)
    assert pairwise_loss(features, turned, window=1).item() == pytest.approx(0, abs=1e-20)


def test_the_gradient_is_that_of_the_value() -> None:
    student, teacher = torch.randn(2, 1, 3, 3, 4, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda s: pairwise_loss(s, teacher, window=1), student.requires_grad_())


def test_windows_and_scales_must_be_possible() -> None:
    with pytest.raises(ValueError, match="window must be at least 1"):
        pairwise_loss(torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 2, 2), window=0)
    with pytest.raises(ValueError, match="scale must be in"):
        coarse_pairwise_loss(torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 2, 2), scale=1.5)


def test_places_are_pooled_from_what_counts_and_those_without_any_are_no_pairs() -> None:
    nan = float("nan")
    apart = row((1, 0), (9, 9), (0, 1), (9, 9), (3, 4), (4, 3)).requires_grad_()
    alike = row((1, 1), (nan, nan), (2, 2), (nan, nan), (nan, nan), (5, 0))
    counted = torch.tensor([[[True, False, True, False, False, False]]])
    loss = pairwise_loss(apart, alike, window=2, counted=counted)
    loss.backward()
    assert loss.item() == pytest.approx(0.5)  # as above: two of four cosines differ by 1
    assert apart.grad is not None
    assert apart.grad[0, 0, 0].tolist() == pytest.approx([0, 0, -1, 0, 0, 0])  # 2 · 2 · (0 - 1) / 4
    assert coarse_pairwise_loss(apart, alike, 1 / 3, counted).item() == pytest.approx(0.5)
    assert pairwise_loss(apart, alike, counted=torch.zeros_like(counted)).item() == 0


def test_images_weigh_by_their_pairs_of_places_that_count() -> None:
    apart, alike = row((1, 0), (0, 1)).expand(2, -1, -1, -1), row((1, 1), (2, 2)).expand(2, -1, -1, -1)
    counted = torch.tensor([[[True, True]], [[True, False]]])  # four pairs and one, of which two cost 1
    assert pairwise_loss(apart, alike, window=1, counted=counted).item() == pytest.approx(2 / 5)
