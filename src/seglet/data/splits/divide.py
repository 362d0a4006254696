"""Divides a split in two, for data sets without validation images."""

import hashlib
from dataclasses import replace

from seglet.data.description import Description, ImageItem
from seglet.data.errors import DataError
from seglet.data.splits.fractions import UNLABELLED_NAMES


def divide_split(
    description: Description, split: str, fraction: float, names: tuple[str, str], seed: int = 0
) -> Description:
    """Returns the description with two more splits, called `names`, among which the images of `split` are divided.

    The first gets the `fraction` in (0, 1) of them, at least one image and not all. The draw of an image depends on the
    seed and its id alone. Images of a split called unlabelled lose their masks and tags.
    Neighbouring frames of a video are near duplicates: divide videos by sequence instead.

    Raises:
        DataError: there is no such split, it has fewer than two images, or the fraction is out of range.
    """
    items = description.items(split)
    if not 0 < fraction < 1 or len(items) < 2:
        raise DataError(f"cannot take {fraction} of {len(items)} images; give a fraction between 0 and 1 of at least 2")
    drawn = sorted(items, key=lambda item: hashlib.sha256(f"{seed}:{item.id}".encode()).digest())
    first = set(drawn[: min(max(round(fraction * len(items)), 1), len(items) - 1)])
    parts = {
        names[0]: tuple(item for item in items if item in first),
        names[1]: tuple(item for item in items if item not in first),
    }
    for name in set(names) & set(UNLABELLED_NAMES):
        parts[name] = tuple(map(unlabelled_item, parts[name]))
    return replace(description, splits={**description.splits, **parts})


def unlabelled_item(item: ImageItem) -> ImageItem:
    """Returns the item without its mask and tags."""
    return replace(item, mask=None, mask_hash="", tags=None)
