from collections.abc import Mapping

import numpy as np
import pytest
import torch

from seglet.labels.semi.cutmix import (
    CutMixOptions,
    box_fits,
    box_mask,
    box_sides,
    draw_cutmix_boxes,
    first_fitting_box,
    has_box,
    join_captions,
    paste_boxes,
    paste_record,
    resize_box_mask,
)
from seglet.labels.semi.pseudo_label import PseudoLabelMap

Case = Mapping[str, np.ndarray]
NAMES = ("img", "label", "conf", "ignore")


def tensor(case: Case, name: str) -> torch.Tensor:
    return torch.from_numpy(case[name])


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.golden("semi", "cutmix")
def test_boxes_are_pasted_as_unimatch_does(case: Case) -> None:
    box = box_mask(tensor(case, "boxes"), case["img"].shape[2:])
    np.testing.assert_array_equal(box.numpy(), case["box_mask"])
    for name in NAMES:
        own, partner = tensor(case, name), tensor(case, f"{name}_mix")
        np.testing.assert_array_equal(paste_boxes(own, partner, box), case[f"out_{name}"])
        np.testing.assert_array_equal(paste_boxes(own, own.flip(0), box), case[f"outflip_{name}"])


@pytest.mark.golden("semi", "cutmix")
def test_draws_become_the_boxes_that_unimatch_makes_of_them(case: Case) -> None:
    size = (int(case["geom_size"]),) * 2
    shapes = [box_sides(size, float(f), float(q)) for f, q in zip(case["geom_frac"], case["geom_ratio"], strict=True)]
    assert shapes == list(zip(case["geom_h"].tolist(), case["geom_w"].tolist(), strict=True))
    corners = zip(case["geom_y"].tolist(), case["geom_x"].tolist(), strict=True)
    assert [box_fits(c, s, size) for c, s in zip(corners, shapes, strict=True)] == case["geom_accept"].tolist()


@pytest.mark.golden("semi", "cutmix")
def test_a_box_that_does_not_fit_is_drawn_again_with_the_same_area(case: Case) -> None:
    size, corners = (int(case["geom_size"]),) * 2, zip(case["geom_y"].tolist(), case["geom_x"].tolist(), strict=True)
    draws = list(zip(case["geom_ratio"].tolist(), corners, strict=True))
    for place, accepted in enumerate(case["geom_accept"].tolist()):
        share = float(case["geom_frac"][place])
        y, x, h, w = first_fitting_box(size, share, draws[place:])
        if accepted:
            assert (y, x, h, w) == tuple(int(case[f"geom_{side}"][place]) for side in "yxhw")
        else:
            assert h == 0 or (h + 1) * (w + 1) > share * size[0] * size[1] >= h * w


def test_the_mean_area_of_boxes_is_that_of_the_draw() -> None:
    boxes = draw_cutmix_boxes(2000, (321, 321), CutMixOptions(chance=1.0), seeded())
    share = (boxes[:, 2] * boxes[:, 3]).double().mean() / 321**2
    assert float(share) == pytest.approx(0.21, abs=0.007)  # (0.02 + 0.4) / 2; .14 if the area were drawn anew


def test_boxes_lie_within_the_image_and_have_the_areas_asked_for() -> None:
    y, x, h, w = draw_cutmix_boxes(300, (40, 60), CutMixOptions(chance=1.0), seeded()).T
    assert ((y + h <= 40) & (x + w <= 60) & (h > 0) & (w > 0)).all()
    share = h * w / 2400
    assert share.min() > 0.01
    assert share.max() <= 0.4


def test_half_the_images_get_a_box_and_the_same_generator_gives_the_same() -> None:
    boxes = draw_cutmix_boxes(400, (32, 32), CutMixOptions(), seeded(3))
    assert torch.equal(boxes, draw_cutmix_boxes(400, (32, 32), CutMixOptions(), seeded(3)))
    assert 0.42 < (boxes[:, 2] > 0).float().mean() < 0.58


def test_an_image_of_one_pixel_gets_no_box() -> None:
    assert draw_cutmix_boxes(5, (1, 1), CutMixOptions(chance=1.0), seeded()).sum() == 0
    assert draw_cutmix_boxes(0, (8, 8), CutMixOptions(), seeded()).shape == (0, 4)


def test_a_batch_of_one_is_its_own_reversed_partner() -> None:
    image = torch.rand(1, 3, 8, 8)
    assert torch.equal(paste_boxes(image, image.flip(0), box_mask(torch.tensor([[1, 1, 4, 4]]), (8, 8))), image)


def test_labels_confidence_and_padding_are_pasted_together() -> None:
    own = PseudoLabelMap(
        torch.zeros(1, 2, 2, dtype=torch.long), torch.zeros(1, 2, 2), torch.zeros(1, 2, 2, dtype=torch.bool)
    )
    other = PseudoLabelMap(own.labels + 3, own.confidence + 0.5, ~own.valid)
    pasted = paste_record(own, other, box_mask(torch.tensor([[0, 1, 2, 1]]), (2, 2)))
    assert pasted.labels.tolist() == [[[0, 3], [0, 3]]]
    assert pasted.confidence.tolist() == [[[0, 0.5], [0, 0.5]]]
    assert pasted.valid.tolist() == [[[False, True], [False, True]]]


def test_a_box_follows_a_coarser_map() -> None:
    box = box_mask(torch.tensor([[0, 2, 4, 2]]), (4, 4))
    assert resize_box_mask(box, (2, 2)).tolist() == [[[False, True], [False, True]]]


def test_an_image_with_a_box_is_described_by_both_captions() -> None:
    box = box_mask(torch.tensor([[0, 0, 1, 1], [0, 0, 0, 0]]), (2, 2))
    own = torch.zeros(2, 3, 4), torch.ones(2, 3, dtype=torch.bool)
    partner = torch.ones(2, 2, 4), torch.tensor([[True, False], [True, True]])
    tokens, counted = join_captions(own, partner, has_box(box))
    assert tokens.shape == (2, 5, 4)
    assert counted.tolist() == [[True, True, True, True, False], [True, True, True, False, False]]


@pytest.mark.parametrize("wrong", [{"chance": 2.0}, {"area": (0.5, 0.1)}, {"aspect": 0.0}])
def test_boxes_that_cannot_be_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="expected"):
        CutMixOptions(**wrong)  # type: ignore[arg-type]
