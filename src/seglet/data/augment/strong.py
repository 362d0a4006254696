"""Strong augmentation: random colours and blur on top of a weak view.

Axes: h rows, w columns, c channels.
"""

import math
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float32

from seglet.data.augment.colour import LUMA_WEIGHTS, ColourJitter, jitter_colours


@dataclass(frozen=True)
class StrongAugmentation:
    """Settings of strong views; every chance is a probability in [0, 1].

    Source: UniMatch (Yang et al., CVPR 2023), code. Its jitter applies the four changes in random order and clips to
    [0, 1] after each; ours applies them at once.
    """

    jitter: ColourJitter = field(default_factory=lambda: ColourJitter(0.5, 0.5, 0.5, 0.25))
    jitter_chance: float = 0.8
    grey_chance: float = 0.2
    blur_chance: float = 0.5
    blur: tuple[float, float] = (0.1, 2.0)
    """Smallest and largest standard deviation of the Gaussian blur, in pixels."""


def strong_view(
    image: Float32[np.ndarray, "h w 3"], settings: StrongAugmentation, rng: np.random.Generator
) -> Float32[np.ndarray, "h w 3"]:
    """Returns the image with jittered colours, grey or blurred, each by chance; geometry stays, values in [0, 1].

    The number of values drawn from `rng` does not depend on which changes are made.
    """
    chances = rng.random(3)
    sigma = float(rng.uniform(*settings.blur))
    recoloured = jitter_colours(image, settings.jitter, rng)
    if chances[0] < settings.jitter_chance:
        image = recoloured
    if chances[1] < settings.grey_chance:
        image = np.repeat((image @ LUMA_WEIGHTS.astype(np.float32))[..., None], 3, axis=2)
    return gaussian_blur(image, sigma) if chances[2] < settings.blur_chance else image


def gaussian_blur(image: Float32[np.ndarray, "h w c"], sigma: float) -> Float32[np.ndarray, "h w c"]:
    """Returns the image blurred with a Gaussian of `sigma` pixels standard deviation; borders are repeated outwards."""
    reach = max(1, math.ceil(3 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(sigma, 1e-6)) ** 2)
    kernel = (kernel / kernel.sum()).astype(np.float32)
    for axis in (0, 1):
        padding = [(0, 0), (0, 0), (0, 0)]
        padding[axis] = (reach, reach)
        wide, length = np.pad(image, padding, mode="edge"), image.shape[axis]
        shifted = (np.take(wide, range(k, k + length), axis=axis) * kernel[k] for k in range(2 * reach + 1))
        image = np.asarray(sum(shifted), np.float32)
    return np.asarray(np.clip(image, 0, 1))
