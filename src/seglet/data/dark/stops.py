"""Reduces the light of an image by a number of stops, with everything else fixed. Axes: h rows, w columns.

The camera is one of those of `seglet data darken`, which are MAET's. Their tone curve, which is undone and never
applied again, is left out: an image with all its light would change.
"""

import math

import numpy as np
from jaxtyping import Float32, UInt8

from seglet.data.dark.noise import NoiseSource
from seglet.data.dark.parameters import Darkening
from seglet.data.dark.pipeline import add_sensor_noise, develop_image, expose_sensor, linearise_image
from seglet.data.dark.presets import MAET_RANGES


def stops_darkening(stops: float, noise_seed: int = 0) -> Darkening:
    """Returns parameters that leave the share 2^-stops of the light, with median white balance and noise of MAET."""
    log_shot = MAET_RANGES.log_shot.at(0.5)
    return Darkening(
        variant="isp",  # without tone curve
        darkness=2.0**-stops,
        gamma=2.2,  # about sRGB; MAET draws 2 to 3.5
        camera=0,
        gain=1.0,  # theirs is never divided out, so it would darken too
        red_gain=MAET_RANGES.red_gain.at(0.5),
        blue_gain=MAET_RANGES.blue_gain.at(0.5),
        shot_noise=math.exp(log_shot),
        read_noise=math.exp(2.18 * log_shot + 1.2),
        bits=14,
        noise_seed=noise_seed,
    )


def stop_down(image: UInt8[np.ndarray, "h w 3"], stops: float, noise_seed: int = 0) -> UInt8[np.ndarray, "h w 3"]:
    """Returns the image with 2^-stops of its light; for 0 stops the image itself, without sensor noise."""
    if stops <= 0:
        return image
    dark = stop_down_values(image.astype(np.float32) / np.float32(255), stops, noise_seed)
    return np.asarray((dark * 255 + 0.5).astype(np.uint8))


def stop_down_values(
    image: Float32[np.ndarray, "h w 3"], stops: float, noise_seed: int = 0
) -> Float32[np.ndarray, "h w 3"]:
    """Returns an image of values in [0, 1] with 2^-stops of its light; for 0 stops the image itself."""
    if stops <= 0:
        return image
    parameters = stops_darkening(stops, noise_seed)
    noise = NoiseSource(parameters.noise_seed, uniform=True).rows(image.shape[0], image.shape[1])
    light = expose_sensor(linearise_image(image, parameters), parameters)
    developed = develop_image(
        add_sensor_noise(light, parameters, noise), parameters
    )  # 14 bits, as noise: `isp` itself has 6 at most
    return np.asarray(np.clip(developed, 0, 1))
