import numpy as np
import pytest
import torch
from tests.labels.images import Case

from seglet.labels.cam.seeds import confident_labels, only_inside, seed_labels
from seglet.types import IGNORE

CAMS = torch.tensor([[[[0.9, 0.6, 0.3, 0.2]], [[0.8, 0.9, 0.1, 0.1]]]])
BOTH, FIRST = torch.tensor([[1.0, 1.0]]), torch.tensor([[1.0, 0.0]])


@pytest.mark.golden("weak", "cam_to_label")
def test_matches_the_authors_labels(case: Case) -> None:
    cams, tags, boxes = (torch.from_numpy(case[name]) for name in ("cam", "cls_label", "img_box"))
    low, high = float(case["low_thre"]), float(case["high_thre"])
    seeds, sure = seed_labels(cams, tags, float(case["bkg_thre"])), confident_labels(cams, tags, low, high)
    np.testing.assert_array_equal(seeds.numpy(), case["label_bkg"])
    np.testing.assert_array_equal(sure.numpy(), case["label_mid"])
    for name in ("label_mid_box", "label_afa_cam_to_label_box"):
        np.testing.assert_array_equal(only_inside(sure, boxes).numpy(), case[name])


def test_the_strongest_class_of_the_tags_wins_where_it_exceeds_the_background() -> None:
    assert seed_labels(CAMS, BOTH, 0.5).tolist() == [[[1, 2, 0, 0]]]
    assert seed_labels(CAMS, FIRST, 0.5).tolist() == [[[1, 1, 0, 0]]]


def test_a_strength_equal_to_the_threshold_does_not_exceed_it() -> None:
    assert seed_labels(torch.full((1, 1, 1, 1), 0.5), torch.ones(1, 1), 0.5).item() == 0


def test_between_the_thresholds_nobody_knows() -> None:
    assert confident_labels(CAMS, FIRST, 0.25, 0.7).tolist() == [[[1, IGNORE, IGNORE, 0]]]


def test_an_image_without_tags_is_background() -> None:
    assert confident_labels(CAMS, torch.zeros(1, 2)).eq(0).all()


def test_outside_its_box_an_image_is_ignored() -> None:
    labels, boxes = torch.ones(2, 2, 3, dtype=torch.long), torch.tensor([[0, 1, 1, 3], [0, 0, 0, 3]])
    assert only_inside(labels, boxes)[0].tolist() == [[IGNORE, 1, 1], [IGNORE] * 3]
    assert only_inside(labels, boxes)[1].eq(IGNORE).all()


def test_swapped_thresholds_are_refused() -> None:
    with pytest.raises(ValueError, match=r"0\.7 is above the higher 0\.25; swap them"):
        confident_labels(CAMS, BOTH, 0.7, 0.25)
