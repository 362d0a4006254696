"""A data set whose masks in one split are thinned to simulated sparse labels; images stay where they are."""

import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from seglet.data.class_table import ClassEntry
from seglet.data.description import Description, ImageItem
from seglet.data.description_files import DESCRIPTION_FILE
from seglet.data.errors import DataError
from seglet.data.simulated_labels import SparseSimulation
from seglet.engine.console import ProgressDisplay
from seglet.files import content_hash, path_below, read_bytes
from seglet.images import write_mask
from seglet.types import IGNORE


@dataclass(frozen=True)
class ThinnedSet:
    """Result of thinning: the description, and the images, regions and share of labelled pixels of the split.

    `present` is the mean number of classes in an image, without the background.
    """

    file: Path
    images: int
    regions: int
    labelled: float
    present: float


def thin_split(description: Description, split: str, out: Path, simulation: SparseSimulation, seed: int) -> ThinnedSet:
    """Writes thinned masks of a split, the whole masks of all other splits, and dataset.json into the folder `out`.

    Raises:
        DataError: the folder is not empty, there is no such split, or an image of it has no mask.
    """
    if out.exists() and any(out.iterdir()):
        raise DataError(f"{str(out)!r} is not empty; choose a new folder with --out")
    if without := [item.id for item in description.items(split) if item.mask is None]:
        raise DataError(f"image {without[0]!r} of split {split!r} has no mask to be thinned; name another --split")
    splits, regions, shares, present = {}, 0, [], 0
    total = sum(map(len, description.splits.values()))
    with ProgressDisplay("thin", total, "images") as steps:
        for name, items in description.splits.items():
            made = []
            for item in items:
                labels = description.read_labels(item)
                if labels is not None and name == split:
                    present += len(set(np.unique(labels).tolist()) - {IGNORE, description.classes.background})
                    rng = np.random.default_rng([seed, zlib.crc32(item.id.encode())])
                    labels, found = simulation.thin(labels, description.classes.background, rng)
                    regions += found
                    shares.append(float((labels != IGNORE).mean()))
                made.append(item if labels is None else _written(description, item, labels, out / "masks" / name))
                steps.advance(len(shares))
            splits[name] = tuple(made)
    colours = zip(description.classes.names, description.classes.colours, strict=True)
    entries = tuple(ClassEntry(label, name, colour) for label, (name, colour) in enumerate(colours))
    thinned = replace(description, entries=entries, splits=splits, coding="index", stray=0.0, threshold=None)
    thinned.save(out / DESCRIPTION_FILE)
    return ThinnedSet(out / DESCRIPTION_FILE, len(shares), regions, float(np.mean(shares)), present / len(shares))


def _written(description: Description, item: ImageItem, labels: np.ndarray, folder: Path) -> ImageItem:
    mask = path_below(folder, item.id, ".png")
    write_mask(mask, labels, description.classes)
    return replace(item, mask=mask.resolve(), mask_hash=content_hash(read_bytes(mask)))
