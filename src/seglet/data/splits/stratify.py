"""Stratified draws of images to label: every class in proportion to its frequency, and at least once."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from seglet.data.description import Description, ImageItem
from seglet.data.errors import DataError
from seglet.data.splits.divide import unlabelled_item
from seglet.data.splits.fractions import LabelledPortion


def draw_stratified(present: Mapping[str, frozenset[int]], count: int, seed: int = 0) -> list[str]:
    """Draws `count` of the images, whose classes are given, and returns their names in the order of the draw.

    Rare classes come first: while a class has fewer images than its share, the next image is one of that class, and
    among those the one with the fewest classes that already have enough. Ties are decided by a hash of the seed and the
    name alone.

    Raises:
        DataError: there are fewer images than `count`.

    Source: after Sechidis et al., ECML 2011 (iterative stratification).
    """
    if not 0 <= count <= len(present):
        raise DataError(f"cannot draw {count} of {len(present)} images; choose at most so many")
    names = sorted(present, key=lambda name: hashlib.sha256(f"{seed}:{name}".encode()).digest())
    labels = sorted({label for shown in present.values() for label in shown})
    shows = np.array([[label in present[name] for label in labels] for name in names], bool).reshape(len(names), -1)
    frequency = shows.sum(0)
    wanted = np.maximum(1, count * frequency / max(len(names), 1))
    waiting, drawn = np.ones(len(names), bool), []
    for _ in range(count):
        place = _next(shows, waiting, wanted, frequency)
        waiting[place] = False
        wanted -= shows[place]
        drawn.append(names[place])
    return drawn


def _next(shows: np.ndarray, waiting: np.ndarray, wanted: np.ndarray, frequency: np.ndarray) -> int:
    """Returns the index of the image to draw next."""
    lacking = np.flatnonzero((wanted > 0) & (shows & waiting[:, None]).any(0))
    candidates = waiting
    if len(lacking):  # a class that lacks a whole image before one that lacks a part, and the rarest of these first
        rarest = min(lacking.tolist(), key=lambda label: (wanted[label] < 1, frequency[label], label))
        candidates = waiting & shows[:, rarest]
    places = np.flatnonzero(candidates)
    enough = shows[places] @ (wanted <= 0).astype(np.int64)
    return int(places[enough.argmin()])


def classes_by_image(description: Description, items: Sequence[ImageItem]) -> dict[str, frozenset[int]]:
    """Returns the train ids of the classes in each image, by its id: from its mask, else from its tags, without void.

    Raises:
        DataError: an image has neither mask nor tags, or its mask cannot be read.
    """
    return {item.id: _classes(description, item) for item in items}


def _classes(description: Description, item: ImageItem) -> frozenset[int]:
    labels = description.read_labels(item)
    if labels is None:
        if item.tags is None:
            raise DataError(f"image {item.id!r} has no mask and no tags, so it cannot be one of the labelled ones")
        return frozenset(item.tags)
    return frozenset(label for label in np.unique(labels).tolist() if label < len(description.classes))


def split_labelled(
    description: Description, split: str, portion: LabelledPortion, seed: int = 0
) -> tuple[Description, list[str]]:
    """Returns the description with two more splits, and the names of classes that no labelled image has.

    `NAME/labelled` has the images of `split` that keep their masks, `NAME/unlabelled` the others without masks; NAME is
    that of the portion, with the seed unless it is 0: `1_8`, `92-seed1`.

    Raises:
        DataError: no such split, too few images, or an image without annotation.
    """
    items = description.items(split)
    present = classes_by_image(description, items)
    chosen = set(draw_stratified(present, portion.of(len(items)), seed))
    shown = set().union(*(present[name] for name in chosen))
    name = portion_name(portion, seed)
    parts = {
        f"{name}/labelled": tuple(item for item in items if item.id in chosen),
        f"{name}/unlabelled": tuple(unlabelled_item(item) for item in items if item.id not in chosen),
    }
    missing = [title for label, title in enumerate(description.classes.names) if label not in shown]
    return replace(description, splits={**description.splits, **parts}), missing


def portion_name(portion: LabelledPortion, seed: int) -> str:
    """Returns the common name of the two splits of a portion."""
    return portion.name if seed == 0 else f"{portion.name}-seed{seed}"
