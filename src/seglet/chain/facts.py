"""The labels that a data set has: which split to learn from, which to score on, and how many images have what."""

from dataclasses import dataclass
from pathlib import Path

from seglet.data.description import Description, ImageItem
from seglet.data.errors import DataError
from seglet.data.splits.fractions import UNLABELLED_NAMES, is_labelled_part, unlabelled_counterpart
from seglet.images import image_size
from seglet.types import Classes

_SCORED = ("val", "valid", "validation", "test")
_SIZES_READ = 200


@dataclass(frozen=True)
class LabelFacts:
    """Labels of a data set.

    Args:
        train: split to learn from.
        scored: split of which every image has a mask, to score on; empty if there is none.
        unlabelled: split without labels, empty if there is none.
        images, masked, tagged: images of `train`, and how many have a mask, or tags from a tag file.
        scored_images, unlabelled_images: images of these splits.
        size: median height and width of the images of `train`, in pixels.
        classes: the classes.
        alone: `train` is the only split, and all its images have masks: one to score on can be drawn from it.
    """

    train: str
    scored: str
    unlabelled: str
    images: int
    masked: int
    tagged: int
    scored_images: int
    unlabelled_images: int
    size: tuple[int, int]
    classes: Classes
    alone: bool

    def counts(self) -> str:
        """Returns the numbers in words."""
        text = f"{self.images} images to learn from, {self.masked} with masks, {self.tagged} with tags"
        text += f", and {self.unlabelled_images} without labels" if self.unlabelled else ""
        scored = f"{self.scored_images} with masks to score on" if self.scored else "none with masks to score on"
        return f"{text}; {scored}; {len(self.classes)} classes"


def label_facts(description: Description, few: bool = False) -> LabelFacts:
    """Returns which labels a data set has; sizes are read from the headers of up to 200 images.

    With `few`, a part that `seglet data split` made goes before the split it was made of.

    Raises:
        DataError: there is no split to learn from.
    """
    splits = description.splits
    train = _train_split(description, few)
    part = unlabelled_counterpart(train) if is_labelled_part(train) else ""
    unlabelled = next((name for name in (part, *UNLABELLED_NAMES) if splits.get(name)), "")
    items = splits[train]
    scored = next((name for name in _SCORED if name != train and _all_masked(splits.get(name, ()))), "")
    return LabelFacts(
        train=train,
        scored=scored,
        unlabelled=unlabelled,
        images=len(items),
        masked=sum(item.mask is not None for item in items),
        tagged=sum(item.tags is not None for item in items),
        scored_images=len(splits.get(scored, ())),
        unlabelled_images=len(splits.get(unlabelled, ())),
        size=median_size([item.image for item in items], description.max_pixels),
        classes=description.classes,
        alone=not scored and len(splits) == 1 and len(items) > 1 and _all_masked(items),
    )


def median_size(files: list[Path], max_pixels: int) -> tuple[int, int]:
    """Returns the median height and the median width of images, from the headers of up to 200 of them."""
    step = -(-len(files) // _SIZES_READ)
    heights, widths = zip(*(image_size(file, max_pixels) for file in files[::step]), strict=True)
    return sorted(heights)[len(heights) // 2], sorted(widths)[len(widths) // 2]


def _train_split(description: Description, few: bool) -> str:
    names = [name for name, items in description.splits.items() if items]
    parts = [name for name in names if is_labelled_part(name)]
    usual = [name for name in names if name == "train"]
    whole = [name for name in names if name not in (*_SCORED, *UNLABELLED_NAMES, *parts) and "/unlabel" not in name]
    found = [*parts, *usual, *whole] if few else [*usual, *whole, *parts]
    if not found:
        there = ", ".join(names) or "none"
        raise DataError(f"{str(description.root)!r} has no split to learn from, only {there}; name one `train`")
    return found[0]


def _all_masked(items: tuple[ImageItem, ...]) -> bool:
    return bool(items) and all(item.mask is not None for item in items)
