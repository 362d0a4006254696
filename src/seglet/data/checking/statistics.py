"""Counts of images and pixels by split and class."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from seglet.data.checking.file_facts import FileFacts
from seglet.data.checking.scan import FileRequest
from seglet.data.checking.validate import mask_value_labels
from seglet.data.description import Description, ImageItem
from seglet.data.errors import Problem
from seglet.types import IGNORE, Classes


@dataclass(frozen=True)
class SplitStatistics:
    """Counts of one split; sizes are (h, w), and `pixels`, `containing` and `tagging` have an entry per class.

    `containing` counts the images whose masks have the class, `tagging` those whose tags name it, of `tagged` images
    with tags in all.
    """

    images: int
    labelled: int
    smallest: tuple[int, int]
    largest: tuple[int, int]
    pixels: tuple[int, ...]
    containing: tuple[int, ...]
    void_pixels: int
    tagged: int = 0
    tagging: tuple[int, ...] = ()


def count_split(
    items: Sequence[ImageItem], description: Description, facts: Mapping[FileRequest, FileFacts]
) -> SplitStatistics:
    """Counts images, pixels and tags of these items, from the facts about their files."""
    labels = mask_value_labels(description)
    pixels = [0] * len(description.classes)
    containing = [0] * len(description.classes)
    void = 0
    masks = [item.mask for item in items if item.mask is not None]
    for mask in masks:
        shown: set[int] = set()
        for value, number in facts[FileRequest(mask, "mask")].values.items():
            label = labels.get(value, IGNORE)
            if label == IGNORE:
                void += number
            else:
                pixels[label] += number
                shown.add(label)
        for label in shown:
            containing[label] += 1
    sizes = sorted((facts[FileRequest(item.image, "image")].size for item in items), key=lambda size: size[0] * size[1])
    smallest, largest = (sizes[0], sizes[-1]) if sizes else ((0, 0), (0, 0))
    tags = [item.tags for item in items if item.tags is not None]
    tagging = Counter(label for of_image in tags for label in of_image)
    return SplitStatistics(
        len(items),
        len(masks),
        smallest,
        largest,
        tuple(pixels),
        tuple(containing),
        void,
        len(tags),
        tuple(tagging[label] for label in range(len(pixels))),
    )


def absent_classes(statistics: Mapping[str, SplitStatistics], classes: Classes) -> list[Problem]:
    """Returns a warning for each split whose masks lack some class, and for each whose tags never name one."""
    problems = []
    for name, split in statistics.items():
        absent = [classes.names[label] for label, number in enumerate(split.containing) if number == 0]
        if absent and split.labelled:
            what = f"{len(absent)} of {len(classes)} classes never occur in it: {_some(absent)}"
            problems.append(Problem(f"split {name}", what, "scores for them will be empty", "warning"))
        unnamed = [
            classes.names[label]
            for label, number in enumerate(split.tagging)
            if number == 0 and label != classes.background
        ]
        if unnamed and split.tagged:
            what = f"no tag names {len(unnamed)} of {len(classes)} classes: {_some(unnamed)}"
            problems.append(Problem(f"split {name}", what, "nothing can be learnt about them from tags", "warning"))
    return problems


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (", …" if len(names) > 8 else "")
