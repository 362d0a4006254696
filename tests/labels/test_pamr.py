import pytest
import torch
from tests.golden_near import assert_near
from tests.labels.images import Case, golden, halves, side_by_side, some_images, some_masks

from seglet.labels.refine.pixel_adaptive import pamr


@pytest.mark.golden("weak", "pamr")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_matches_the_authors_numbers(case: Case, dtype: torch.dtype) -> None:  # computed in float32
    for name, steps in (("out_iter1", 1), ("out", int(case["num_iter"]))):
        refined = pamr(*golden(case, dtype), steps=steps)
        assert refined.dtype == dtype
        assert_near(refined, case[name], 1e-4)  # a step more changes 1e-2


@pytest.mark.parametrize("dilations", [(1, 2, 4), (24,)])
def test_equals_the_formula_with_all_neighbours_stacked(dilations: tuple[int, ...]) -> None:
    masks, images = some_masks().double(), some_images().double()
    around = side_by_side(images, dilations)
    samples = torch.cat([around, images[:, :, None].expand(-1, -1, len(dilations), -1, -1)], dim=2)
    unlike = (around - images[:, :, None]).abs() / (1e-8 + 0.1 * samples.std(dim=2, keepdim=True))
    weights = (-unlike).mean(dim=1, keepdim=True).softmax(dim=2)
    plain = (side_by_side(masks, dilations) * weights).sum(dim=2)
    torch.testing.assert_close(pamr(masks, images, dilations, steps=1), plain, rtol=1e-9, atol=0)


def test_on_one_colour_a_pixel_becomes_the_mean_of_its_eight_neighbours() -> None:
    masks = torch.zeros(1, 1, 5, 5)
    masks[..., 2, 2] = 1
    expected = torch.full((3, 3), 1 / 8).index_put((torch.tensor(1), torch.tensor(1)), torch.tensor(0.0))
    torch.testing.assert_close(pamr(masks, torch.ones(1, 3, 5, 5), (1,), steps=1)[0, 0, 1:4, 1:4], expected)


def test_a_mask_spreads_up_to_an_edge_and_not_beyond() -> None:
    masks = torch.zeros(1, 1, 8, 8)
    masks[..., 1:3] = 1
    refined = pamr(masks, halves(), (1, 2), steps=20)
    assert refined[..., :4].min() > 0.9 * refined[..., 4:].max() + 0.3


def test_classes_that_sum_to_one_still_do() -> None:
    total = pamr(some_masks(), some_images()).sum(dim=1)
    torch.testing.assert_close(total, torch.ones_like(total))


def test_brightness_and_contrast_of_the_image_do_not_matter() -> None:
    masks, images = some_masks(), some_images().double()
    torch.testing.assert_close(pamr(masks, images), pamr(masks, 255 * images + 3), rtol=1e-5, atol=1e-7)


def test_smaller_masks_are_enlarged_to_the_image() -> None:
    assert pamr(some_masks(size=(3, 2)), some_images()).shape == (2, 3, 7, 9)
