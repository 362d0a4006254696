"""Dark images made brighter by rules."""

from collections.abc import Callable

import numpy as np
import pytest

from seglet.data.enhance.gamma import correct_gamma
from seglet.data.enhance.histogram import clahe, equalise_histogram, with_value
from seglet.data.enhance.retinex import box_blur, msrcr

Enhance = Callable[[np.ndarray], np.ndarray]
ALL = [equalise_histogram, clahe, correct_gamma, msrcr]


def grey(*values: int) -> np.ndarray:
    """One row."""
    return np.repeat(np.array(values, np.uint8)[None, :, None], 3, axis=2)


def dark(size: tuple[int, int] = (40, 60)) -> np.ndarray:
    ramp = np.add.outer(np.arange(size[0]), np.arange(size[1]))
    return np.stack([ramp // 4, ramp // 3, ramp // 5], axis=2).astype(np.uint8)


def test_brightness_changes_and_colours_keep_their_proportions() -> None:
    image = np.array([[[10, 20, 40], [0, 0, 0]]], np.uint8)
    assert with_value(image, np.array([[80, 7]], np.uint8)).tolist() == [[[20, 40, 80], [7, 7, 7]]]


def test_equalised_levels_are_counted_by_hand() -> None:
    assert equalise_histogram(grey(5, 5, 6, 9))[0, :, 0].tolist() == [
        0,
        0,
        128,
        255,
    ]  # 0, 1 and 2 of the other two below
    assert equalise_histogram(grey(5, 5, 6, 9, 9, 9, 9))[0, :, 0].tolist()[2:4] == [51, 255]


def test_one_tile_without_a_limit_is_equalisation_but_for_the_darkest() -> None:
    image = grey(*range(0, 64))
    assert np.abs(clahe(image, 256, 1).astype(int) - np.arange(4, 260, 4)[None, :, None].clip(max=255)).max() <= 1


def test_a_limit_of_one_leaves_brightness_nearly_alone() -> None:
    image = grey(*range(0, 256, 2)).repeat(64, axis=0)
    assert np.abs(clahe(image, 1, 1).astype(int) - image).max() <= 2


def test_tiles_meet_without_a_seam() -> None:
    flat = np.full((64, 64, 3), 30, np.uint8)
    flat[:, 32:] = 34
    rows = clahe(flat)[:, :16].astype(int)
    assert np.abs(np.diff(rows, axis=0)).max() == 0


def test_a_given_gamma_is_a_power() -> None:
    assert correct_gamma(grey(0, 64, 255), 0.5)[0, :, 0].tolist() == [0, 128, 255]


def test_gamma_is_found_so_that_the_mean_is_right_and_never_darkens() -> None:
    assert correct_gamma(dark()).mean() / 255 == pytest.approx(0.45, abs=0.01)
    np.testing.assert_array_equal(correct_gamma(grey(200, 250)), grey(200, 250))


def test_a_blur_keeps_the_mean_and_has_the_width_asked_for() -> None:
    point = np.zeros((101, 101, 1), np.float32)
    point[50, 50] = 1
    row = box_blur(point, 6.0).sum(axis=(0, 2))
    assert row.sum() == pytest.approx(1, abs=1e-5)
    assert (row * (np.arange(101) - 50) ** 2).sum() ** 0.5 == pytest.approx(6, rel=0.1)


def test_retinex_brings_what_lies_in_shadow_to_the_light() -> None:
    scene = np.random.default_rng(0).integers(100, 200, (60, 80, 3)).astype(np.uint8)
    shaded = scene.copy()
    shaded[:, :40] = shaded[:, :40] // 10
    ratio = [image[:, :30].mean() / image[:, 50:].mean() for image in (shaded, msrcr(shaded, (5.0,)))]
    assert ratio[0] == pytest.approx(0.1, abs=0.01)
    assert ratio[1] > 0.8


@pytest.mark.parametrize("enhance", ALL)
def test_a_dark_image_becomes_brighter(enhance: Enhance) -> None:
    assert enhance(dark()).mean() > 1.5 * dark().mean()


@pytest.mark.parametrize("enhance", ALL)
@pytest.mark.parametrize("shade", [0, 255])
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (30, 7)])
def test_black_white_and_tiny_images_come_out_sound(enhance: Enhance, shade: int, size: tuple[int, int]) -> None:
    out = enhance(np.full((*size, 3), shade, np.uint8))
    assert out.shape == (*size, 3)
    assert out.dtype == np.uint8


@pytest.mark.parametrize(
    "wrong",
    [lambda p: clahe(p, 0.5), lambda p: clahe(p, tiles=0), lambda p: correct_gamma(p, 0.0),
     lambda p: correct_gamma(p, target=1.0), lambda p: msrcr(p, ()), lambda p: msrcr(p, cut=0.5)],
)  # fmt: skip
def test_impossible_settings_are_refused(wrong: Enhance) -> None:
    with pytest.raises(ValueError, match="expected"):
        wrong(dark())
