"""Data of a label-cost curve: the embedded world, or data on disk with draws of the few masks for each seed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from seglet.data.description import Description
from seglet.data.errors import DataError
from seglet.data.folder_dataset import describe_data
from seglet.data.opening import names_world
from seglet.data.splits.fractions import LabelledPortion
from seglet.data.splits.stratify import portion_name, split_labelled
from seglet.data.world.options import open_world

WORLD_SCENES = 400
"""Scenes of the embedded world to annotate, unless others are asked for."""


@dataclass(frozen=True)
class CostData:
    """Images that a label-cost curve is about.

    Args:
        data: name of the data that the rows read.
        public_name: name of the data in commands and results, without anybody's path.
        images: number of images to annotate.
        classes: number of classes, without the background.
        fingerprint: hash of the images and masks.
        train: split to train on.
        score: split to score on.
        description: description to be written to `data`, if they are on disk.
    """

    data: str
    public_name: str
    images: int
    classes: int
    fingerprint: str
    train: str
    score: str
    description: Description | None = None

    @property
    def is_world(self) -> bool:
        """True for the embedded world."""
        return names_world(self.data)

    def write(self) -> None:
        """Writes the description of data on disk, with its draws of a few masks, to the file that the rows read."""
        if self.description is not None:
            Path(self.data).parent.mkdir(parents=True, exist_ok=True)
            self.description.save(Path(self.data))

    def few_masks_split(self, portion: LabelledPortion) -> str:
        """Returns the split of the images that keep their masks; data on disk have another draw for each seed."""
        return f"{portion.name}/labelled" if self.is_world else f"{portion.name}-seed{{seed}}/labelled"


def world_cost_data(data: str, train: str, score: str, scenes: int = WORLD_SCENES) -> CostData:
    """Returns the embedded world, in which every scene has a mask."""
    world = open_world(data, train, scenes=scenes)
    return CostData(data, data, len(world), len(world.classes) - 1, world.fingerprint, train, score)


def folder_cost_data(
    data: str, out: Path, splits: tuple[str, str], few: Sequence[LabelledPortion], seeds: Sequence[int]
) -> CostData:
    """Returns data on disk; their description with the draws of the few masks will be written into `out`.

    Args:
        splits: those to train on and to score on.

    Raises:
        DataError: there is no such split, or one has images without masks, which cannot be learned from or scored on.
    """
    description = describe_data(Path(data))
    train, score = splits
    for split in splits:
        _check_masks(description, split)
    divided = description
    for portion in few:
        for seed in seeds:
            divided = _with_draw(divided, train, portion, seed)
    items, classes = description.items(train), description.classes
    count = len(classes) - (classes.background is not None)
    fingerprint = description.fingerprint([*items, *description.items(score)])
    return CostData(str(out / "dataset.json"), "DIR", len(items), count, fingerprint, train, score, divided)


def _with_draw(description: Description, split: str, portion: LabelledPortion, seed: int) -> Description:
    """Returns the description with two more splits, whose names have the seed also if it is 0."""
    divided, _ = split_labelled(description, split, portion, seed)
    drawn, name = portion_name(portion, seed), f"{portion.name}-seed{seed}"
    parts = {f"{name}/{part}": divided.splits[f"{drawn}/{part}"] for part in ("labelled", "unlabelled")}
    return replace(description, splits={**description.splits, **parts})


def _check_masks(description: Description, split: str) -> None:
    items = description.items(split)
    without = [item.id for item in items if item.mask is None]
    if without:
        raise DataError(
            f"{len(without)} of {len(items)} images of split {split!r} have no mask, such as {without[0]!r}; "
            "the value of masks can only be measured on images that have some: make a split of those, and name it"
        )
