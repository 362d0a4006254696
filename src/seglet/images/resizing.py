"""Resizing of images and masks by a factor."""

import numpy as np
from PIL import Image


def resize_by_factor(array: np.ndarray, factor: float, how: Image.Resampling = Image.Resampling.BOX) -> np.ndarray:
    """Resizes an image, or with NEAREST a mask, by a factor; averages to shrink and interpolates bilinearly to grow."""
    if factor == 1:
        return array
    height, width = (max(1, round(side * factor)) for side in array.shape[:2])
    if array.ndim == 3 and array.dtype == np.float32:
        return np.stack([resize_by_factor(plane, factor, how) for plane in np.moveaxis(array, 2, 0)], axis=2)
    smooth = how if factor < 1 or how == Image.Resampling.NEAREST else Image.Resampling.BILINEAR
    return np.array(Image.fromarray(array).resize((width, height), smooth))
