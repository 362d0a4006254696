"""Counts of the pixels of each class in the masks of a data set."""

import numpy as np
from jaxtyping import Int64

from seglet.data.dataset import Dataset
from seglet.data.errors import DataError


def count_class_pixels(data: Dataset) -> tuple[Int64[np.ndarray, " k"], Int64[np.ndarray, " k"]]:
    """Returns the pixels of each class, and the annotated pixels of the images that show it; reads all masks.

    Raises:
        DataError: no image has a labelled pixel.
    """
    classes = len(data.classes)
    pixels, shown = np.zeros(classes, np.int64), np.zeros(classes, np.int64)
    for sample in data:
        if sample.labels is not None:
            counts = np.bincount(sample.labels.ravel(), minlength=classes)[:classes]
            pixels += counts
            shown += (counts > 0) * counts.sum()
    if not pixels.any():
        raise DataError("no image to train on has a labelled pixel, so the pixels of the classes cannot be counted")
    return pixels, shown
