"""The brightness of an image, changed without its colours: V of HSV, the largest of red, green and blue."""

import numpy as np
from jaxtyping import UInt8


def with_value(image: UInt8[np.ndarray, "h w 3"], value: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w 3"]:
    """The image with `value` as each pixel's largest colour, to which the others keep their proportion.

    Black turns grey.
    """
    before = image.max(axis=2).astype(np.float32)
    factor = value.astype(np.float32) / np.maximum(before, 1)
    bright = image.astype(np.float32) * factor[..., None] + np.float32(0.5)
    return np.where((before == 0)[..., None], value[..., None], bright.astype(np.uint8))
