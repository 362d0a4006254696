import pytest
import torch
from tests.golden_near import assert_near
from tests.labels.images import Case, golden, halves, side_by_side, some_images, some_masks

from seglet.labels.refine.pixel_adaptive import par


@pytest.mark.golden("weak", "par")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_matches_the_authors_numbers(case: Case, dtype: torch.dtype) -> None:  # computed in float32
    for name, steps in (("out_iter1", 1), ("out", int(case["num_iter"]))):
        refined = par(*golden(case, dtype), steps, float(case["w1"]), float(case["w2"]))
        assert refined.dtype == dtype
        assert_near(refined, case[name], 1e-4)  # a step more changes 1e-2


@pytest.mark.parametrize("dilations", [(1, 2, 4), (24,)])
def test_equals_the_formula_with_all_neighbours_stacked(dilations: tuple[int, ...]) -> None:
    masks, images = some_masks().double(), some_images().double()
    around = side_by_side(images, dilations)
    unlike = (around - images[:, :, None]).abs() / (1e-8 + around.std(dim=2, keepdim=True)) / 0.3
    way = torch.tensor([[2, 1, 2, 1, 1, 2, 1, 2]]).double().sqrt() * torch.tensor(dilations).double()[:, None]
    near = (-(way.flatten() / (way.std() + 1e-8) / 0.3).square()).softmax(dim=0)[:, None, None]
    weights = (-unlike.square()).mean(dim=1, keepdim=True).softmax(dim=2) + 0.01 * near
    plain = (side_by_side(masks, dilations) * weights).sum(dim=2)
    torch.testing.assert_close(par(masks, images, dilations, steps=1), plain, rtol=1e-9, atol=0)


def test_masks_grow_by_one_hundredth_a_step() -> None:
    total = par(some_masks(), some_images(), steps=3).sum(dim=1)
    torch.testing.assert_close(total, torch.full_like(total, 1.01**3))


def test_a_mask_spreads_up_to_an_edge_and_hardly_beyond() -> None:
    masks = torch.zeros(1, 1, 8, 8)
    masks[..., 1:3] = 1
    refined = par(masks, halves(), (1, 2), steps=20)
    assert refined[..., :4].min() > 2 * refined[..., 4:].max()


def test_a_larger_image_is_shrunk_to_the_masks() -> None:
    assert par(some_masks(size=(3, 2)), some_images()).shape == (2, 3, 3, 2)


def test_a_lone_pixel_between_others_of_one_colour_takes_their_mean() -> None:
    images, masks = torch.zeros(1, 3, 3, 3), torch.arange(9.0).reshape(1, 1, 3, 3)
    images[..., 1, 1] = 1e12  # by the formula, minus infinity for each neighbour
    assert par(masks, images, (1,), steps=1)[0, 0, 1, 1].item() == pytest.approx(1.01 * 4)
