"""Views whose pixels are no pixels of the scaled image: rotated by an angle, or bent.

Places are continuous: the centre of the first pixel is at 0.5. Axes: h rows, w columns, c channels.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64
from PIL import Image

from seglet.data.augment.terms import Motion

Places = Float64[np.ndarray, "2 h w"]


@dataclass(frozen=True)
class BentWindow:
    """Rows and columns in the scaled image, of size (h, w), that the pixels of a view show."""

    size: tuple[int, int]
    places: Places

    @property
    def inside(self) -> Bool[np.ndarray, "h w"]:
        """True where a pixel of the view shows the image."""
        (rows, columns), (height, width) = self.places, self.size
        return np.asarray((rows >= 0) & (rows < height) & (columns >= 0) & (columns < width))

    def nearest(self, labels: np.ndarray, fill: int) -> np.ndarray:
        """Returns the labels at these places, `fill` outside the image; the labels may have any resolution."""
        rows, columns = (
            (self.places[axis] * (labels.shape[axis] / self.size[axis])).astype(np.intp).clip(0, labels.shape[axis] - 1)
            for axis in (0, 1)
        )
        found: np.ndarray = np.where(self.inside, labels[rows, columns], np.asarray(fill, labels.dtype))
        return found

    def smooth(self, image: Float32[np.ndarray, "_ _ c"]) -> Float32[np.ndarray, "h w c"]:
        """Returns the image at these places, between pixels by the bilinear mean, and its mean outside.

        An image of a higher resolution is first shrunk to that of the scaled one, so that nothing aliases.
        """
        mean = image.mean(axis=(0, 1), dtype=np.float64).astype(np.float32)
        image = _shrunk(image, self.size)
        rows, columns = (self.places[axis] * (image.shape[axis] / self.size[axis]) - 0.5 for axis in (0, 1))
        top, left = np.floor(rows).astype(np.intp), np.floor(columns).astype(np.intp)
        down, right = ((part - whole).astype(np.float32)[..., None] for part, whole in ((rows, top), (columns, left)))
        y0, y1 = (np.clip(top + step, 0, image.shape[0] - 1) for step in (0, 1))
        x0, x1 = (np.clip(left + step, 0, image.shape[1] - 1) for step in (0, 1))
        upper = image[y0, x0] * (1 - right) + image[y0, x1] * right
        lower = image[y1, x0] * (1 - right) + image[y1, x1] * right
        return np.asarray(np.where(self.inside[..., None], upper * (1 - down) + lower * down, mean))


def bent_places(crop: tuple[int, int], corner: tuple[int, int], motion: Motion) -> Places:
    """Returns the places in the scaled image of a view of `crop` pixels whose upper left corner is at `corner`.

    The view is rotated about its centre, and then bent.
    """
    height, width = crop
    rows, columns = np.meshgrid(np.arange(height) + 0.5, np.arange(width) + 0.5, indexing="ij")
    if motion.bend is not None:
        rows, columns = (
            places + _enlarged(moved, crop) for places, moved in zip((rows, columns), motion.bend, strict=True)
        )
    angle = math.radians(motion.angle)
    cos, sin = math.cos(angle), math.sin(angle)
    down, right = rows - height / 2, columns - width / 2
    return np.stack(
        [cos * down + sin * right + height / 2 + corner[0], cos * right - sin * down + width / 2 + corner[1]]
    )


def _enlarged(points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Returns the movements of a coarse grid at every pixel, smooth between the points."""
    return np.asarray(Image.fromarray(points.astype(np.float32)).resize(size[::-1], Image.Resampling.BICUBIC))


def _shrunk(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    smaller = (min(image.shape[0], size[0]), min(image.shape[1], size[1]))
    if smaller == image.shape[:2]:
        return image
    planes = (Image.fromarray(np.ascontiguousarray(plane)) for plane in np.moveaxis(image, 2, 0))
    return np.stack([np.asarray(p.resize(smaller[::-1], Image.Resampling.BILINEAR)) for p in planes], axis=2)
