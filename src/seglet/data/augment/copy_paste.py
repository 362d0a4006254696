"""Rare classes of other images, pasted into the views of training.

Source: Ghiasi et al., CVPR 2021 (simple copy-paste: random images, no blending), for classes in place of objects.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from seglet.data.augment.geometry import AugmentedView
from seglet.data.dataset import Dataset
from seglet.data.errors import DataError


@dataclass(frozen=True)
class ClassDonors:
    """Indices of the images that show each rare class; a class is drawn first, all alike, then one of its images."""

    images: Mapping[int, tuple[int, ...]]

    def draw(self, rng: np.random.Generator) -> tuple[int, int] | None:
        """Draws a class and the index of an image; None if no class is rare."""
        if not self.images:
            return None
        label = sorted(self.images)[int(rng.integers(len(self.images)))]
        return label, self.images[label][int(rng.integers(len(self.images[label])))]


def find_donors(data: Dataset) -> ClassDonors:
    """Finds the images of the rare classes: those with fewer pixels than the median class, not the background.

    Reads all masks.
    """
    counts = [np.zeros(len(data.classes), np.int64)]
    for sample in data:
        shown = np.zeros(0, np.uint8) if sample.labels is None else sample.labels.ravel()
        counts.append(np.bincount(shown, minlength=len(data.classes))[: len(data.classes)])
    by_image = np.stack(counts[1:]) if len(counts) > 1 else np.zeros((0, len(data.classes)), np.int64)
    pixels = by_image.sum(0)
    present = pixels[pixels > 0]
    rare = [
        label
        for label in np.flatnonzero(pixels).tolist()
        if pixels[label] < np.median(present) and label != data.classes.background
    ]
    return ClassDonors({label: tuple(np.flatnonzero(by_image[:, label]).tolist()) for label in rare})


def paste_class(view: AugmentedView, donor: AugmentedView, label: int) -> AugmentedView:
    """Returns the view with the pixels of one class of another view of the same size, in image, labels and columns.

    Raises:
        DataError: a column describes places of the whole image, or a text the image, and neither would be true.
    """
    if view.labels is None or donor.labels is None:
        return view
    place = donor.labels == label
    if not place.any():
        return view
    where = torch.from_numpy(place)
    stuck = [name for name in view.columns if not _is_map(view, name, place.shape)] + list(view.texts)
    if stuck:
        raise DataError(
            f"column {stuck[0]!r} cannot follow what is pasted into an image; set copy_paste to 0 with this method"
        )
    return replace(
        view,
        image=torch.where(where, donor.image, view.image),
        labels=np.where(place, donor.labels, view.labels),
        valid=view.valid | place,
        columns={name: torch.where(where, donor.columns[name], column) for name, column in view.columns.items()},
    )


def _is_map(view: AugmentedView, name: str, size: tuple[int, ...]) -> bool:
    column: Tensor = view.columns[name]
    return view.kinds.get(name, "image") == "image" and column.shape[-2:] == size
