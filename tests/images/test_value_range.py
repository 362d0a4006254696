"""The range in use of images of more than 8 bits a channel."""

import numpy as np
import pytest

from seglet.files import DataError
from seglet.images import WhiteLevels, scale_to_bytes, white_level


@pytest.mark.parametrize(
    ("largest", "white"),
    [(0, 255), (255, 255), (256, 1023), (1023, 1023), (1024, 4095), (4095, 4095), (4097, 16383), (16385, 65535)],
)
def test_the_smallest_usual_depth_that_holds_the_largest_value_gives_white(largest, white):
    assert white_level(np.array([[1, largest]], np.uint16)) == white_level(np.array([[1, largest]], np.int32)) == white


def test_white_becomes_255_and_the_rest_is_rounded_to_the_nearest():
    values = np.array([0, 8, 9, 1200, 4095], np.uint16)
    assert scale_to_bytes(values, 4095).tolist() == [0, 0, 1, 75, 255]  # 9 * 255 / 4095 = 0.56


@pytest.mark.parametrize("step", [257, 16])
def test_steps_show_values_that_were_scaled_to_16_bits_however_dark(step):
    assert white_level(np.arange(20, dtype=np.uint16) * step) == 65535


def test_few_values_of_a_common_step_are_no_sign_of_scaling():
    assert white_level(np.array([[0, 1200]], np.uint16)) == 4095


@pytest.mark.parametrize(("largest", "white"), [(0.5, 1), (1.0, 1), (2.0, 255), (255.0, 255), (300.0, 1023)])
def test_floats_up_to_1_have_white_1_and_others_that_of_integers(largest, white):
    assert white_level(np.array([[0, largest]], np.float32)) == white


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (np.array([-5, 3], np.int16), "from -5 to 3"),
        (np.array([0, 70000], np.int32), "32-bit values from 0 to 70000"),
        (np.array([0, np.nan]), "1 are not finite"),
        (np.array([0, 1.02]), "slightly above 1; clip"),
    ],
)
def test_a_range_that_is_unknown_is_refused_with_a_cure(values, why):
    with pytest.raises(DataError, match=f"{why}.*"):
        white_level(values)


def test_images_share_the_white_level_of_their_data_set_but_are_never_clipped():
    whites = WhiteLevels(integers=4095)
    assert [whites.of_image(own, floats=False) for own in (255, 4095, 65535)] == [4095, 4095, 65535]
    assert whites.of_image(1, floats=True) == 1


def test_bits_are_black_and_white():
    assert scale_to_bytes(np.array([False, True]), white_level(np.array([False, True]))).tolist() == [0, 255]
