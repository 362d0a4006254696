"""Strong views: what an image looks like under colours and sharpness it was not taken with.

Axes: h rows, w columns, c channels.
"""

import math
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float32

from seglet.data.augment.colour import LUMA, ColourJitter, jitter_colours


@dataclass(frozen=True)
class StrongAugmentation:
    """How strong views are drawn; every chance is in [0, 1].

    Source: UniMatch (Yang et al., CVPR 2023), code; its jitter applies the four changes in random order and cuts to
    [0, 1] after each, ours at once.
    """

    jitter: ColourJitter = field(default_factory=lambda: ColourJitter(0.5, 0.5, 0.5, 0.25))
    jitter_chance: float = 0.8
    grey_chance: float = 0.2
    blur_chance: float = 0.5
    blur: tuple[float, float] = (0.1, 2.0)
    """Least and largest standard deviation of the Gaussian, in pixels."""


def strong_view(
    image: Float32[np.ndarray, "h w 3"], how: StrongAugmentation, rng: np.random.Generator
) -> Float32[np.ndarray, "h w 3"]:
    """The image with other colours and less sharp, or by chance neither; geometry stays, values are in [0, 1].

    As much is drawn from `rng` whatever is done.
    """
    chances = rng.random(3)
    sigma = float(rng.uniform(*how.blur))
    recoloured = jitter_colours(image, how.jitter, rng)
    if chances[0] < how.jitter_chance:
        image = recoloured
    if chances[1] < how.grey_chance:
        image = np.repeat((image @ LUMA.astype(np.float32))[..., None], 3, axis=2)
    return gaussian_blur(image, sigma) if chances[2] < how.blur_chance else image


def gaussian_blur(image: Float32[np.ndarray, "h w c"], sigma: float) -> Float32[np.ndarray, "h w c"]:
    """A Gaussian of standard deviation `sigma` pixels over the image, its border pixels repeated outwards."""
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
