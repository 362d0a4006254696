"""Images of 640 x 480 darkened in strips and from a table, against the published formulas as written."""

import numpy as np
from jaxtyping import Float64, UInt8

from benchmarks._harness import Result, side_by_side
from seglet.data.dark.cameras import srgb_to_camera
from seglet.data.dark.noise import SensorNoise
from seglet.data.dark.parameters import Darkening
from seglet.data.dark.pipeline import darken_image
from seglet.data.dark.presets import MAET_RANGES

HEIGHT, WIDTH, IMAGES = 480, 640, 4


def run() -> Result:
    images = np.random.default_rng(0).integers(0, 256, (IMAGES, HEIGHT, WIDTH, 3), dtype=np.uint8)
    drawn = [MAET_RANGES.draw(0, str(number)) for number in range(IMAGES)]
    pairs = list(zip(images, drawn, strict=True))
    shapes = f"{IMAGES} images of {WIDTH}x{HEIGHT}; noise differs, so means are compared"
    return side_by_side(
        "darken",
        lambda: [darken_image(image, parameters) for image, parameters in pairs],
        lambda: [plain(image, parameters) for image, parameters in pairs],
        lambda ours, theirs: all(abs(a.mean() - b.mean()) < 0.5 for a, b in zip(ours, theirs, strict=True)),
        shapes,
    )


def plain(image: UInt8[np.ndarray, "h w 3"], p: Darkening) -> UInt8[np.ndarray, "h w 3"]:
    rng = np.random.default_rng(p.noise_seed)
    noise = SensorNoise(rng.standard_normal(image.shape), rng.random(image.shape))
    matrix = srgb_to_camera(p.camera)
    toned: Float64[np.ndarray, "h w 3"] = 0.5 - np.sin(np.arcsin(1 - 2 * (image / 255)) / 3)
    sensor = np.maximum(toned, 1e-8) ** p.gamma @ matrix.T
    dark = sensor * np.array([1 / p.red_gain, 1, 1 / p.blue_gain]) * p.gain * p.darkness
    counted = dark + np.sqrt(np.maximum(dark * p.shot_noise + p.read_noise, 1e-8)) * noise.normal
    counted = counted + (2 * np.asarray(noise.uniform) - 1) / (255 * p.bits)
    balanced = counted * np.array([p.red_gain, 1, p.blue_gain])
    srgb = np.maximum(balanced @ np.linalg.inv(matrix).T, 1e-8) ** (1 / p.gamma)
    return np.asarray(np.clip(srgb * 255 + 0.5, 0, 255), np.uint8)
