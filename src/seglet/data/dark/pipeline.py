"""Darkens images as if there had been less light when they were taken.

Source: Cui et al., ICCV 2021 (MAET), its code MAET_YOLO.py and dark_transforms.py; golden maet_degrade, maet_darkisp.
"""

from collections.abc import Iterator
from typing import TypeVar

import numpy as np
from jaxtyping import Float, Float32, UInt8, UInt16

from seglet.data.dark.cameras import srgb_to_camera
from seglet.data.dark.night_camera import NightCamera
from seglet.data.dark.night_photograph import photograph_at_night
from seglet.data.dark.noise import NoiseSource, SensorNoise
from seglet.data.dark.parameters import Darkening

_StoredImage = TypeVar("_StoredImage", UInt8[np.ndarray, "h w 3"], UInt16[np.ndarray, "h w 3"])
_DARKEST = 1e-8
"""Lower bound of light and variance."""
_NEAR_WHITE = 0.9
"""Mean of a pixel's colours from which on its highlights are kept, wholly at 1."""
_STRIP = 2**14
"""Number of pixels processed at once, few enough to stay in the processor's cache."""


def darken_image(image: _StoredImage, parameters: Darkening | NightCamera) -> _StoredImage:
    """Returns a stored image in the dark, of the same type and size.

    Raises:
        ValueError: the image does not have three channels of 8 or 16 bits.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype not in (np.uint8, np.uint16):
        raise ValueError(
            f"expected an image [h, w, 3] of 8 or 16 bits, got {list(image.shape)} {image.dtype}; convert it"
        )
    largest = np.iinfo(image.dtype).max
    if isinstance(parameters, NightCamera):
        taken = photograph_at_night(image.astype(np.float32) / np.float32(largest), parameters)
        return (taken * np.float32(largest) + np.float32(0.5)).astype(image.dtype)
    linear = linearise_image(np.arange(largest + 1) / largest, parameters).astype(np.float32)
    dark = np.empty_like(image)
    for rows, noise in _strips(image.shape, parameters):
        developed = develop_image(
            add_sensor_noise(expose_sensor(linear[image[rows]], parameters), parameters, noise), parameters
        )
        dark[rows] = np.clip(developed, 0, 1) * np.float32(largest) + np.float32(0.5)
    return dark


def darken_values(
    image: Float32[np.ndarray, "h w 3"], parameters: Darkening | NightCamera
) -> Float32[np.ndarray, "h w 3"]:
    """Returns an image of values in [0, 1] in the dark; values outside the range are clipped.

    Raises:
        ValueError: values are not finite.
    """
    if not np.isfinite(image).all():
        raise ValueError("expected values from 0 to 1, got NaN or infinity; scale the image to [0, 1] first")
    if isinstance(parameters, NightCamera):
        return photograph_at_night(image, parameters)
    dark = np.empty_like(image)
    for rows, noise in _strips(image.shape, parameters):
        light = expose_sensor(linearise_image(image[rows], parameters), parameters)
        dark[rows] = np.clip(develop_image(add_sensor_noise(light, parameters, noise), parameters), 0, 1)
    return dark


def _strips(shape: tuple[int, ...], parameters: Darkening) -> Iterator[tuple[slice, SensorNoise]]:
    height, width = shape[:2]
    sensor = NoiseSource(parameters.noise_seed, uniform=parameters.variant == "degrade")
    step = max(1, _STRIP // max(1, width))
    for top in range(0, height, step):
        rows = slice(top, min(top + step, height))
        yield rows, sensor.rows(rows.stop - top, width)


def linearise_image(values: Float[np.ndarray, "*shape"], parameters: Darkening) -> Float[np.ndarray, "*shape"]:
    """Returns light proportional to that of the scene, in [0, 1]: undoes the tone curve and gamma of the camera."""
    values = np.clip(values, 0, 1)
    if parameters.variant == "degrade":
        values = 0.5 - np.sin(np.arcsin(1 - 2 * values) / 3)  # inverse of 3x² - 2x³
    return _power(values, parameters.gamma)


def expose_sensor(linear: Float[np.ndarray, "h w 3"], parameters: Darkening) -> Float[np.ndarray, "h w 3"]:
    """Returns the light on the sensor of the camera when only the share `darkness` of it remains."""
    gains = np.array([1 / parameters.red_gain, 1, 1 / parameters.blue_gain]) * parameters.gain
    camera = srgb_to_camera(parameters.camera)
    if parameters.safe_invert:
        kept = _keep_highlights(linear @ camera.T.astype(linear.dtype), gains.astype(linear.dtype))
        return np.asarray(kept * linear.dtype.type(parameters.darkness))
    factors = gains * parameters.darkness
    return np.asarray(linear @ (factors[:, None] * camera).T.astype(linear.dtype))


def _keep_highlights(colours: Float[np.ndarray, "h w 3"], gains: Float[np.ndarray, "3"]) -> Float[np.ndarray, "h w 3"]:
    """Multiplies colours by gains that near white rise to 1, so that saturated pixels stay white; clips to [0, 1].

    Source: Brooks et al., CVPR 2019, Sec. 3.3; MAET's code, option safe_invert.
    """
    white = np.square(np.maximum(colours.mean(axis=-1, keepdims=True) - _NEAR_WHITE, 0) / (1 - _NEAR_WHITE))
    return np.asarray(np.clip(colours * np.maximum(white + (1 - white) * gains, gains), 0, 1))


def add_sensor_noise(
    light: Float[np.ndarray, "h w 3"], parameters: Darkening, noise: SensorNoise
) -> Float[np.ndarray, "h w 3"]:
    """Returns the light as the sensor measures it: with shot and read noise, then quantised."""
    variance = np.maximum(light * parameters.shot_noise + parameters.read_noise, _DARKEST)
    counted = light + np.sqrt(variance) * noise.normal
    if noise.uniform is not None:
        return np.asarray(counted + (2 * noise.uniform - 1) / (255 * parameters.bits))
    return np.asarray(np.rint(counted * (255 / parameters.bits)) * (parameters.bits / 255))


def develop_image(raw: Float[np.ndarray, "h w 3"], parameters: Darkening) -> Float[np.ndarray, "h w 3"]:
    """Returns the image that the camera makes of raw values: white balance, sRGB, gamma; not clipped to [0, 1]."""
    balance = np.array([parameters.red_gain, 1, parameters.blue_gain])
    back = np.linalg.inv(srgb_to_camera(parameters.camera)) * balance
    return _power(raw @ back.T.astype(raw.dtype), 1 / parameters.gamma)


def _power(values: np.ndarray, exponent: float) -> np.ndarray:
    """Computes `values ** exponent` through the logarithm, which NumPy vectorises."""
    logarithm = np.log(np.maximum(values, values.dtype.type(_DARKEST)))
    return np.asarray(np.exp(logarithm * values.dtype.type(exponent)))
