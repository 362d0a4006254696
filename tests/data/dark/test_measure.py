"""Measures of darkness."""

import numpy as np
import pytest

from seglet.data.dark.measure import measure_darkness, noise_deviation


def grey(value: int, size: tuple[int, int] = (8, 9)) -> np.ndarray:
    return np.full((*size, 3), value, np.uint8)


def test_middle_grey_lacks_no_light_and_half_of_it_lacks_a_stop() -> None:
    assert measure_darkness(grey(118)).stops == pytest.approx(0, abs=0.02)  # sRGB 118 reflects 18 %
    assert measure_darkness(grey(84)).stops == pytest.approx(1, abs=0.03)
    assert measure_darkness(grey(255)).stops == pytest.approx(-np.log2(1 / 0.18), abs=1e-6)


def test_luma_and_dim_share_are_counted_by_hand() -> None:
    image = np.concatenate([grey(0), grey(200)])
    found = measure_darkness(image)
    assert (found.luma, found.dim) == (pytest.approx(100, abs=1e-3), 0.5)


def test_a_black_image_lacks_twenty_stops_and_is_dim_all_over() -> None:
    found = measure_darkness(grey(0))
    assert (found.luma, found.stops, found.dim, found.noise) == (0, 20, 1, 0)


def test_noise_is_found_on_a_slope_and_a_slope_is_no_noise() -> None:
    slope = np.add.outer(np.arange(300.0), 0.5 * np.arange(300.0)).astype(np.float32)
    noise = np.random.default_rng(0).normal(0, 3, slope.shape).astype(np.float32)
    assert noise_deviation(slope) == pytest.approx(0, abs=1e-4)
    assert noise_deviation(slope + noise) == pytest.approx(3, rel=0.02)


def test_noise_of_single_pixels_is_half_as_strong_at_half_the_size_and_shared_noise_is_not() -> None:
    noise = np.random.default_rng(0).normal(100, 20, (200, 200, 1)).repeat(3, axis=2)
    assert measure_darkness(noise.clip(0, 255).astype(np.uint8)).coarse == pytest.approx(0.5, abs=0.03)
    shared = noise[::2, ::2].repeat(2, axis=0).repeat(2, axis=1)
    assert measure_darkness(shared.clip(0, 255).astype(np.uint8)).coarse > 1


def test_a_pixel_is_saturated_where_one_of_its_colours_is() -> None:
    assert measure_darkness(np.concatenate([grey(0), grey(255) * np.array([1, 0, 0], np.uint8)])).saturated == 0.5


@pytest.mark.parametrize("size", [(1, 1), (2, 9)])
def test_an_image_too_small_for_second_differences_has_no_noise(size: tuple[int, int]) -> None:
    assert measure_darkness(grey(30, size)).noise == 0
