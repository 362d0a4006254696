"""Data sets on disk: one split of a described folder of images and masks."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from seglet.data.dataset import Dataset, Sample
from seglet.data.description import Description, ImageItem
from seglet.data.errors import DataError
from seglet.images import read_image, read_mask, resize_by_factor
from seglet.types import Classes


class FolderDataset(Dataset):
    """One split of a described data set, read from its files.

    Images are read at the fraction `resize` of their size, averaged where they shrink; masks take the nearest pixel,
    or keep their own size if `whole_masks`, so that scores do not profit from coarse masks.
    Files whose content changed since the check are refused. Tags are those somebody wrote down; where nobody did, they
    follow from the whole mask.
    """

    def __init__(
        self, description: Description, items: Sequence[ImageItem], resize: float = 1.0, whole_masks: bool = False
    ) -> None:
        if not 0 < resize <= 16:
            raise DataError(f"resize is {resize}; give a fraction of the size above 0 and up to 16, 1 to leave it")
        if not items:
            raise DataError(f"no image is left in {str(description.root)!r}; run `seglet data check` on it")
        self.description = description
        self.items = items
        self.resize = resize
        self.whole_masks = whole_masks
        self.classes = description.classes
        self.ids = tuple(item.id for item in items)
        self.fingerprint = f"{description.fingerprint(items)}@{resize:g}"

    def identity(self, index: int, reads: Sequence[str] = ("image",)) -> str:
        item = self.items[index]
        if not item.image_hash or (item.mask is not None and not item.mask_hash):
            return super().identity(index, reads)
        annotation = set(reads) - {"image"}
        told = f" {self.description.fingerprint([item])} {self.whole_masks}" if annotation else ""
        return f"{item.image_hash}@{self.resize:g}{told}"

    def read(self, index: int) -> Sample:
        item = self.items[index]
        image = read_image(item.image, self.description.max_pixels, item.image_hash)
        if item.mask is None:
            return Sample(item.id, resize_by_factor(image, self.resize), None, item.tags)
        mask = read_mask(item.mask, self.description.max_pixels, item.mask_hash)
        if mask.shape[:2] != image.shape[:2]:
            sizes = f"{mask.shape[1]}x{mask.shape[0]}, its image {image.shape[1]}x{image.shape[0]}"
            raise DataError(f"mask {str(item.mask)!r} is {sizes}; export it at the size of the image")
        labels = self.description.labels(mask, item.mask)
        tags = present_classes(labels, self.classes) if item.tags is None else item.tags
        if not self.whole_masks:
            labels = resize_by_factor(labels, self.resize, Image.Resampling.NEAREST)
        return Sample(item.id, resize_by_factor(image, self.resize), labels, tags)


def present_classes(labels: UInt8[np.ndarray, "h w"], classes: Classes) -> tuple[int, ...]:
    """The classes that have a pixel, in order; without background, which is no tag."""
    counts = np.bincount(labels.ravel(), minlength=len(classes))[: len(classes)]
    return tuple(int(label) for label in np.flatnonzero(counts) if label != classes.background)
