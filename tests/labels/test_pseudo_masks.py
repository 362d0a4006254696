import numpy as np
import pytest
import torch

from seglet.labels.cam.pseudo_masks import balanced_target, confident_masks
from seglet.types import IGNORE

Case = dict[str, np.ndarray]


@pytest.mark.golden("weak", "pseudo_gt")
def test_confident_masks_are_the_authors(case: Case) -> None:
    shares = float(case["cutoff_top"]), float(case["cutoff_bg"]), float(case["cutoff_low"])
    confident = confident_masks(torch.from_numpy(case["mask"]), *shares)
    np.testing.assert_array_equal(confident, case["pseudo_gt"] > 0)


@pytest.mark.golden("weak", "ssss_head")
def test_confident_masks_of_the_decoder_are_the_authors(case: Case) -> None:
    np.testing.assert_array_equal(confident_masks(torch.from_numpy(case["masks_dec"])), case["pseudo_gt"] > 0)


def test_what_equals_its_threshold_is_not_confident() -> None:
    masks = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.5, 0.75]]).view(1, 2, 1, 3)
    assert confident_masks(masks, foreground=0.5)[0, 1, 0].tolist() == [True, False, True]


def test_the_floor_keeps_faint_classes_out() -> None:
    assert not confident_masks(torch.full((1, 2, 2, 2), 0.2)).any()


def test_a_pixel_of_two_confident_classes_has_no_label() -> None:
    masks = torch.tensor([[0.9, 0.9], [0.0, 0.9]]).view(1, 2, 1, 2)
    assert confident_masks(masks)[0, :, 0].tolist() == [[True, False], [False, False]]


def test_a_pixel_weighs_what_the_other_classes_have() -> None:
    """Three pixels of background, one of the object, one of nobody: (4 - 3) / 5 and (4 - 1) / 5."""
    confident = torch.tensor([[1, 1, 1, 0, 0], [0, 0, 0, 1, 0]]).bool().view(1, 2, 1, 5)
    target = balanced_target(confident, torch.ones(1, 1))
    assert target.labels.tolist() == [[[0, 0, 0, 1, IGNORE]]]
    torch.testing.assert_close(target.weight[0, 0], torch.tensor([0.2, 0.2, 0.2, 0.6, 0.0]))


@pytest.mark.parametrize("tags", [[0.0, 1.0], [1.0, 1.0], [0.0, 0.0]])
def test_an_image_counts_only_if_all_tagged_classes_have_confident_pixels(tags: list[float]) -> None:
    confident = torch.tensor([[1, 1, 0], [0, 0, 1], [0, 0, 0]]).bool().view(1, 3, 1, 3)
    assert balanced_target(confident, torch.tensor([tags])).weight.any() == (sum(tags) == 1)


def test_an_image_of_background_alone_has_no_weight() -> None:
    confident = torch.tensor([True, False]).view(1, 2, 1, 1).expand(1, 2, 3, 3)
    assert not balanced_target(confident, torch.zeros(1, 1)).weight.any()


def test_an_image_where_nothing_is_confident_is_ignored() -> None:
    target = balanced_target(torch.zeros(1, 3, 2, 2, dtype=torch.bool), torch.zeros(1, 2))
    assert target.labels.eq(IGNORE).all()
    assert not target.weight.any()


def test_tags_with_the_background_among_them_are_refused() -> None:
    with pytest.raises(ValueError, match="tags of one class less, not 3"):
        balanced_target(torch.zeros(1, 3, 2, 2, dtype=torch.bool), torch.ones(1, 3))
