"""Images taken into the dark."""

import json
from dataclasses import replace

import numpy as np
import pytest
from tests.golden_near import assert_near

from seglet.data.dark.cameras import srgb_to_camera
from seglet.data.dark.noise import NoiseSource, SensorNoise, normal_quantiles
from seglet.data.dark.parameters import Darkening, darkening_from_dict
from seglet.data.dark.pipeline import (
    add_sensor_noise,
    darken_image,
    darken_values,
    develop_image,
    expose_sensor,
    linearise_image,
)

Case = dict[str, np.ndarray]
NIGHT = Darkening("degrade", 0.1, 2.5, 1, 0.8, 2.0, 1.7, 0.002, 1e-6, 14, 7)
CLEAN = replace(NIGHT, darkness=1.0, gain=1.0, shot_noise=0.0, read_noise=0.0, bits=10**6)


def parameters_of(case: Case, variant: str) -> Darkening:
    values = {name: case[name].item() for name in ("darkness", "gamma", "red_gain", "blue_gain", "bits")}
    values |= {name: case[name].item() for name in ("shot_noise", "read_noise")}
    gain = case["rgb_gain"].item() if variant == "degrade" else 1 / case["rgb_gain"].item()
    if variant == "degrade":  # the numpy code has no such choice
        values["safe_invert"] = case["safe_invert"].item()
    return Darkening(variant=variant, camera=case["cam_index"].item(), gain=gain, noise_seed=0, **values)  # type: ignore[arg-type]


@pytest.mark.golden("weak", "maet_degrade")
def test_every_step_is_that_of_maets_torch_code(case: Case) -> None:
    p = parameters_of(case, "degrade")
    light = expose_sensor(linearise_image(case["image"].transpose(1, 2, 0).astype(np.float64), p), p)
    noise = SensorNoise(case["normal_z"].astype(np.float64), case["quant_u01"].astype(np.float64))
    raw = add_sensor_noise(light, p, noise)
    assert_near(srgb_to_camera(p.camera), case["rgb2cam"], 1e-6)
    assert_near(light, case["s5_dark"], 3e-6)  # theirs is float32
    assert_near(raw, case["s7_quant"], 3e-6)
    # Without gamma, which makes of a rounding error near 0 a thousandfold one.
    developed = develop_image(case["s7_quant"].astype(np.float64), p).transpose(2, 0, 1)
    assert_near(developed**p.gamma, case["img_low"].astype(np.float64) ** p.gamma, 3e-6)


@pytest.mark.golden("weak", "maet_darkisp")
def test_every_step_is_that_of_maets_numpy_code(case: Case) -> None:
    p = parameters_of(case, "isp")
    light = expose_sensor(linearise_image(case["image_hwc"].astype(np.float64), p), p)
    assert_near(srgb_to_camera(p.camera), case["rgb2cam"], 1e-6)
    assert_near(light, case["after_inverse"] * p.darkness, 1e-6)  # theirs begins in float32
    raw = add_sensor_noise(case["after_inverse"] * p.darkness, p, SensorNoise(case["normal_z"], None))
    assert_near(raw, case["after_lowlight"])
    assert_near(develop_image(raw, p), case["after_process_unclipped"])
    assert_near(np.clip(develop_image(raw, p), 0, 1), case["img_out"], 1e-6)


def random_image(
    seed: int = 0, size: tuple[int, int] = (20, 30), kind: type[np.unsignedinteger] = np.uint8
) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, np.iinfo(kind).max, (*size, 3), dtype=kind, endpoint=True)


def test_all_the_light_and_no_noise_change_nothing_but_the_tone_curve() -> None:
    image = 0.2 + 0.6 * random_image().astype(np.float32) / 255
    tone = darken_values(image, CLEAN)  # undone, and never done again
    np.testing.assert_allclose(3 * tone**2 - 2 * tone**3, image, atol=8e-3)
    np.testing.assert_allclose(darken_values(image, replace(CLEAN, variant="isp", bits=1)), image, atol=0.05)


def test_half_the_light_is_half_of_every_value_before_gamma() -> None:
    grey = np.full((1, 1, 3), 0.5, np.float32)
    half = darken_values(grey, replace(CLEAN, gamma=2.0, darkness=0.5))
    np.testing.assert_allclose(half, 0.5 * 0.5**0.5, rtol=5e-3)


def test_highlights_stay_where_the_white_balance_is_undone_safely() -> None:
    p = replace(NIGHT, darkness=0.5, blue_gain=1.6, safe_invert=True)  # gains 0.8 / 2, 0.8 and 0.8 / 1.6
    colours = np.array([[[0.8] * 3, [0.95] * 3, [1.0] * 3, [1.2] * 3]])
    linear = colours @ np.linalg.inv(srgb_to_camera(p.camera)).T
    light = expose_sensor(linear, p)
    np.testing.assert_allclose(light[0, 0], [0.16, 0.32, 0.2])  # far from white: 0.8 of the gains, halved
    np.testing.assert_allclose(light[0, 1], [0.26125, 0.40375, 0.296875])  # a quarter of the way to white
    np.testing.assert_allclose(light[0, 2:], 0.5)  # white, and beyond it clipped
    np.testing.assert_allclose(expose_sensor(linear, replace(p, safe_invert=False))[0, 2], [0.2, 0.4, 0.25])


def test_noise_is_as_wide_as_its_variance_says() -> None:
    p = replace(NIGHT, shot_noise=0.01, read_noise=0.0004, bits=10**6)
    light = np.full((200, 200, 3), 0.05)
    spread = (add_sensor_noise(light, p, NoiseSource(3, uniform=True).rows(200, 200)) - light).std()
    assert spread == pytest.approx((0.05 * 0.01 + 0.0004) ** 0.5, rel=0.01)


def test_the_quantiles_are_those_of_a_normal_distribution() -> None:
    values = normal_quantiles()
    assert values[2**15 :].mean() == pytest.approx((2 / np.pi) ** 0.5, rel=1e-4)
    assert values.std() == pytest.approx(1, rel=1e-3)
    assert values[0] == -values[-1]
    assert values[-1] == pytest.approx(4.32, abs=0.01)


def test_the_same_parameters_make_the_same_image_again_after_json() -> None:
    again = darkening_from_dict(json.loads(json.dumps(NIGHT.as_dict())))
    assert again == NIGHT
    np.testing.assert_array_equal(darken_image(random_image(), again), darken_image(random_image(), NIGHT))
    assert (darken_image(random_image(), replace(NIGHT, noise_seed=8)) != darken_image(random_image(), NIGHT)).any()


def test_a_stored_image_becomes_what_its_values_become() -> None:
    stored, values = darken_image(random_image(), NIGHT), darken_values(random_image().astype(np.float32) / 255, NIGHT)
    assert stored.mean() < random_image().mean() / 2
    np.testing.assert_allclose(stored, values * 255, atol=0.51)


def test_sixteen_bits_stay_sixteen_and_agree_with_eight() -> None:
    deep = darken_image(random_image(kind=np.uint8).astype(np.uint16) * 257, NIGHT)
    assert deep.dtype == np.uint16
    np.testing.assert_allclose(deep / 257, darken_image(random_image(), NIGHT), atol=0.52)


@pytest.mark.parametrize("variant", ["degrade", "isp"])
@pytest.mark.parametrize("size", [(1, 1), (3, 1), (700, 40)])
@pytest.mark.parametrize("shade", [0, 255])
def test_black_white_and_tiny_images_come_out_sound(variant: str, size: tuple[int, int], shade: int) -> None:
    dark = darken_image(np.full((*size, 3), shade, np.uint8), replace(NIGHT, variant=variant, bits=8))  # type: ignore[arg-type]
    assert dark.shape == (*size, 3)
    assert dark.mean() <= max(shade, 40)


def test_the_first_rows_do_not_depend_on_the_height_of_the_image() -> None:
    tall = random_image(size=(50, 2000))
    np.testing.assert_array_equal(darken_image(tall, NIGHT)[:8], darken_image(tall[:8], NIGHT))


@pytest.mark.usefixtures("unchecked")
def test_what_is_no_image_is_refused() -> None:
    for wrong in (np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3), np.int64)):
        with pytest.raises(ValueError, match=r"expected an image \[h, w, 3\] of 8 or 16 bits"):
            darken_image(wrong, NIGHT)


def test_values_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="scale the image"):
        darken_values(np.full((2, 2, 3), np.nan, np.float32), NIGHT)


def test_values_beyond_one_are_taken_for_white() -> None:
    white, beyond = (np.full((2, 2, 3), value, np.float32) for value in (1, 7))
    np.testing.assert_array_equal(darken_values(white, NIGHT), darken_values(beyond, NIGHT))
