"""Photographs taken at night by a camera that adapts."""

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from seglet.data.dark.night_camera import NightCamera
from seglet.data.dark.night_photograph import (
    balance_white,
    count_electrons,
    demosaic,
    measure_mosaic,
    night_light,
    photograph_at_night,
    through_lens,
)
from seglet.data.dark.parameters import darkening_from_dict
from seglet.data.dark.pipeline import darken_image
from seglet.data.dark.presets import night_camera_ranges

DAY = NightCamera(
    stops=0, iso=1, full_well=1e9, read_noise=0, row_noise=0, bits=24, oversampling=2, camera=1, red_gain=2.0,
    blue_gain=1.6, tone=0.7, warmth=0, lamps=1, glare=0, glare_radius=0, denoising=0, noise_seed=3,
)  # fmt: skip


def grey(value: float, size: tuple[int, int] = (32, 32)) -> np.ndarray:
    return np.full((*size, 3), value, np.float32)


def test_a_perfect_camera_by_day_returns_the_image() -> None:
    ramp = np.add.outer(np.linspace(0.1, 0.5, 40), np.linspace(0, 0.3, 60))[..., None] * np.array([1, 0.9, 0.7])
    for oversampling in (1, 2):
        taken = photograph_at_night(ramp.astype(np.float32), replace(DAY, oversampling=oversampling))
        np.testing.assert_allclose(taken[3:-3, 3:-3], ramp[3:-3, 3:-3], atol=0.004)


def test_stops_halve_the_light_and_amplification_gives_it_back() -> None:
    day, night = night_light(grey(0.5), DAY), night_light(grey(0.5), replace(DAY, stops=3))
    np.testing.assert_allclose(night, day / 8, rtol=1e-6)
    amplified = photograph_at_night(grey(0.5), replace(DAY, stops=3, iso=8))
    np.testing.assert_allclose(amplified, 0.5, atol=1e-3)


def test_the_same_brightness_has_more_noise_of_less_light() -> None:
    dim = replace(DAY, full_well=20000, bits=14, oversampling=1)
    spread = [photograph_at_night(grey(0.5), replace(dim, stops=s, iso=2.0**s)).std() for s in (0, 2, 4, 6)]
    for less, more in pairwise(spread):
        assert more == pytest.approx(2 * less, rel=0.1)  # Poisson: a quarter of the electrons, twice the share


@pytest.mark.parametrize(("mean", "tolerance"), [(0.05, 0.02), (3.0, 0.01), (11.0, 0.01), (13.0, 0.02), (200.0, 0.01)])
def test_electrons_have_the_mean_and_variance_of_poissons_distribution(mean: float, tolerance: float) -> None:
    counts = count_electrons(np.full((300, 400), mean), np.random.default_rng(0).normal(size=(300, 400)))
    assert counts.mean() == pytest.approx(mean, rel=tolerance)
    assert counts.var() == pytest.approx(mean, rel=2 * tolerance)
    assert (counts == np.rint(counts)).all()


def test_rows_share_noise_and_bits_leave_steps() -> None:
    rows = measure_mosaic(grey(0), replace(DAY, full_well=1000, row_noise=5))
    assert rows.std(axis=1).max() < 1e-6 < rows.mean(axis=1).std()
    steps = measure_mosaic(np.linspace(0, 1, 900, dtype=np.float32).reshape(10, 30, 3), replace(DAY, bits=3))
    assert len(np.unique(steps)) <= 8


def test_a_mosaic_of_a_coloured_slope_gives_the_slope() -> None:
    slope = np.add.outer(np.arange(20) * 0.01, np.arange(24) * 0.02)[..., None] + np.array([0.1, 0, 0.05])
    mosaic = slope[..., 1].copy()
    mosaic[::2, ::2], mosaic[1::2, 1::2] = slope[::2, ::2, 0], slope[1::2, 1::2, 2]
    np.testing.assert_allclose(demosaic(mosaic.astype(np.float32))[2:-2, 2:-2], slope[2:-2, 2:-2], atol=1e-6)


def test_white_is_white_after_balance_and_lamps_stay_white_at_night() -> None:
    np.testing.assert_allclose(balance_white(measure_mosaic(night_light(grey(1), DAY), DAY), DAY), 1, atol=1e-6)
    lit = photograph_at_night(grey(1), replace(DAY, stops=6))
    np.testing.assert_allclose(lit, 1, atol=1e-3)
    assert photograph_at_night(grey(1), replace(DAY, stops=6, lamps=0)).max() < 0.35
    assert photograph_at_night(grey(0.8), replace(DAY, stops=6)).max() < 0.1


def test_glare_moves_light_and_keeps_its_sum() -> None:
    scene = grey(0, (64, 64))
    scene[32, 32] = 1
    spread = through_lens(scene, replace(DAY, glare=0.5, glare_radius=0.05, oversampling=1))
    assert spread.sum() == pytest.approx(3, rel=0.02)
    assert spread[32, 40, 0] > 1e-4


def test_noise_reduction_takes_noise_and_leaves_edges() -> None:
    half = grey(0.2)
    half[:, 16:] = 0.8
    dim = replace(DAY, full_well=3000, stops=3, iso=8, oversampling=1)
    noisy, clean = (photograph_at_night(half, replace(dim, denoising=share)) for share in (0.0, 2.0))
    assert clean[4:-4, 4:12].std() < 0.6 * noisy[4:-4, 4:12].std()
    assert clean[:, 20:].mean() - clean[:, :12].mean() == pytest.approx(0.6, abs=0.03)


def test_presets_take_more_light_each_and_stored_parameters_make_the_image_again() -> None:
    drawn = [[night_camera_ranges(name).draw(seed, "a") for seed in range(40)] for name in ("mild", "night", "extreme")]
    means = [np.mean([one.stops for one in each]) for each in drawn]
    assert means == sorted(means)
    assert all(1 <= one.iso <= 64 for each in drawn for one in each)
    image = np.random.default_rng(0).integers(0, 256, (9, 11, 3), dtype=np.uint8)
    again = darkening_from_dict(json.loads(json.dumps(drawn[1][0].as_dict())))
    np.testing.assert_array_equal(darken_image(image, again), darken_image(image, drawn[1][0]))


@pytest.mark.parametrize("wrong", [{"iso": 0.5}, {"lamps": 2}, {"camera": 4}, {"read_noise": -1}, {"warmth": 1}])
def test_impossible_cameras_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="expected"):
        replace(DAY, **wrong)  # type: ignore[arg-type]
