"""Hand-worked numbers for the tensor operations that every layer shares."""

import math

import pytest
import torch

from seglet import tensors
from seglet.types import IGNORE

RAMP = torch.tensor([[[[0.0, 3.0]]]])


def test_half_precision_is_widened_and_double_is_kept() -> None:
    half, double = torch.ones(2, dtype=torch.float16), torch.ones(2, dtype=torch.float64)
    assert tensors.at_least_float32(half).dtype == torch.float32
    assert tensors.at_least_float32(double).dtype == torch.float64


def test_wide_dtype_is_that_of_the_widest_tensor() -> None:
    brain, double = torch.ones(1, dtype=torch.bfloat16), torch.ones(1, dtype=torch.float64)
    assert tensors.wide_dtype(brain) == torch.float32
    assert tensors.wide_dtype(brain, double) == torch.float64


def test_aligned_corners_divide_the_distance_between_the_outer_centres() -> None:
    assert tensors.resize_align_corners(RAMP, (1, 4)).flatten().tolist() == pytest.approx([0, 1, 2, 3])


def test_half_pixels_divide_the_area() -> None:
    # centres of the four lie at -1/4, 1/4, 3/4 and 5/4 of the two; outside, the edge is repeated
    assert tensors.resize_half_pixel(RAMP, (1, 4)).flatten().tolist() == pytest.approx([0, 0.75, 2.25, 3])


def test_antialiased_shrinking_counts_every_pixel() -> None:
    spike = torch.tensor([[[[0.0, 0.0, 0.0, 8.0]]]])
    smooth = tensors.resize_antialiased(spike, (1, 1))
    plain = tensors.resize_half_pixel(spike, (1, 1))
    # a triangle of half-width 4 about the middle weighs the pixels 5 : 7 : 7 : 5
    assert smooth.item() == pytest.approx(8 * 5 / 24)
    assert plain.item() == 0


def test_nearest_copies_the_pixel_at_or_before() -> None:
    values = torch.tensor([[[[1.0, 2.0, 3.0, 4.0]]]])
    assert tensors.resize_nearest(values, (1, 2)).flatten().tolist() == [1, 3]


def test_nearest_with_aligned_corners_copies_the_pixel_at_the_place_of_each_logit() -> None:
    columns = torch.arange(64)
    # round(i * 63 / 15), not 4 i, which ends at 60
    expected = [0, 4, 8, 13, 17, 21, 25, 29, 34, 38, 42, 46, 50, 55, 59, 63]
    assert tensors.nearest_align_corners(columns[None, None], (1, 16)).flatten().tolist() == expected
    seen = tensors.resize_align_corners(torch.eye(16)[None, :, None], (1, 64)).argmax(1)  # the logit of each pixel
    assert tensors.nearest_align_corners(seen, (1, 16)).flatten().tolist() == list(range(16))
    assert tensors.nearest_align_corners(torch.eye(3, dtype=torch.bool), (1, 2)).tolist() == [[True, False]]


def test_resized_labels_keep_their_type_and_their_void() -> None:
    labels = torch.tensor([[[IGNORE, 7, 2, 9]]], dtype=torch.uint8)
    small = tensors.resize_labels(labels, (1, 2))
    assert small.dtype == torch.uint8
    assert small.flatten().tolist() == [IGNORE, 2]


@pytest.mark.parametrize(
    "resize",
    [
        tensors.resize_align_corners,
        tensors.resize_half_pixel,
        tensors.resize_antialiased,
        tensors.resize_nearest,
    ],
)
def test_maps_of_the_right_size_come_back_themselves(resize) -> None:  # type: ignore[no-untyped-def]
    assert resize(RAMP, RAMP.shape[-2:]) is RAMP
    assert resize(RAMP, (1, 2)) is RAMP


def test_cross_entropy_of_each_pixel_by_hand() -> None:
    logits = torch.tensor([[[[0.0, 0.0]], [[0.0, math.log(3)]]]])  # shares 1/2, 1/2 and 1/4, 3/4
    losses = tensors.pixel_cross_entropy(logits, torch.tensor([[[0, 1]]]))
    assert losses.flatten().tolist() == pytest.approx([math.log(2), math.log(4 / 3)])


def test_void_pixels_have_no_cross_entropy() -> None:
    losses = tensors.pixel_cross_entropy(torch.randn(1, 3, 1, 2), torch.tensor([[[IGNORE, 1]]]))
    assert losses[0, 0, 0] == 0
    assert losses[0, 0, 1] > 0


def test_cross_entropy_resizes_logits_with_aligned_corners_in_float32() -> None:
    logits = torch.randn(1, 3, 2, 2).half()
    labels = torch.zeros(1, 5, 5, dtype=torch.uint8)
    enlarged = tensors.resize_align_corners(logits.float(), (5, 5))
    torch.testing.assert_close(tensors.pixel_cross_entropy(logits, labels), -enlarged.log_softmax(dim=1)[:, 0])


def test_running_statistics_by_hand() -> None:
    draws = [torch.tensor([1.0]), torch.tensor([2.0]), torch.tensor([6.0])]  # mean 3, squares 4 + 1 + 9
    mean, deviation = tensors.running_mean_and_deviation(iter(draws))
    assert (mean.item(), deviation.item()) == pytest.approx((3, math.sqrt(14 / 2)))
    assert tensors.running_mean_and_deviation(draws, ddof=0)[1].item() == pytest.approx(math.sqrt(14 / 3))


def test_running_statistics_leave_the_draws_alone() -> None:
    draws = [torch.tensor([1.0]), torch.tensor([2.0])]
    tensors.running_mean_and_deviation(draws)
    assert [draw.item() for draw in draws] == [1, 2]


def test_running_statistics_do_not_cancel() -> None:
    draws = torch.tensor([[4096.0], [4096.5]])  # a sum of squares would lose the difference in float32
    assert tensors.running_mean_and_deviation(draws)[1].item() == pytest.approx(0.5 / math.sqrt(2))


def test_one_draw_has_no_deviation_and_none_is_an_error() -> None:
    assert tensors.running_mean_and_deviation([torch.tensor([5.0])])[1].item() == 0
    with pytest.raises(ValueError, match="at least one draw"):
        tensors.running_mean_and_deviation([])


def test_near_patches_are_as_many_rows_and_columns_apart() -> None:
    assert tensors.near_patches((1, 3), 1).int().tolist() == [[1, 1, 0], [1, 1, 1], [0, 1, 1]]
    assert tensors.near_patches((2, 2), 1).all()  # diagonal neighbours are one apart
    assert tensors.near_patches((1, 3), None).all()
