"""The vocabulary every layer shares. Imports torch and nothing of ours.

Axes: b images, k classes, h rows, w columns, s strong views.
Images are RGB floats in [0, 1]; each backbone applies its own normalisation.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

import torch
from jaxtyping import Bool, Float, Integer
from torch import Tensor

IGNORE = 255
"""Label of a pixel that carries no annotation: padding, void, object border."""

Record = TypeVar("Record", bound="Movable")


def option(default: Any, help: str) -> Any:  # noqa: A002  argparse and click call it so
    """A config field with its default and one line saying what it does and where the default comes from."""
    return field(default=default, metadata={"help": help})


class Movable:
    """A frozen record of tensors that moves as one.

    Lightning walks into dataclasses and rebuilds them by assignment, which frozen ones refuse, unless they have `to`.
    """

    def to(self: Record, *args: Any, **kwargs: Any) -> Record:
        return _map(self, lambda tensor: tensor.to(*args, **kwargs))

    def pin_memory(self: Record) -> Record:
        return _map(self, lambda tensor: tensor.pin_memory())


def _map(record: Record, change: Any) -> Record:
    def visit(value: Any) -> Any:
        if isinstance(value, Tensor):
            return change(value)
        if isinstance(value, Movable):
            return _map(value, change)
        if isinstance(value, Mapping):
            return {name: visit(item) for name, item in value.items()}
        return value

    return replace(record, **{f.name: visit(getattr(record, f.name)) for f in fields(record)})  # type: ignore[arg-type, type-var]


@dataclass(frozen=True)
class Classes:
    """Names and RGB colours (0 to 255) of the classes, in the order of their label ids."""

    names: tuple[str, ...]
    colours: tuple[tuple[int, int, int], ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.names) <= IGNORE:
            raise ValueError(f"expected 1 to {IGNORE} classes, got {len(self.names)}")
        if len(self.names) != len(self.colours):
            raise ValueError(f"{len(self.names)} class names but {len(self.colours)} colours; give each class one")
        if len(set(self.names)) != len(self.names):
            raise ValueError(f"class names repeat: {sorted(n for n in set(self.names) if self.names.count(n) > 1)}")

    def __len__(self) -> int:
        return len(self.names)

    @property
    def background(self) -> int | None:
        """The class called background, if there is one: every image has some of it, so no tag names it."""
        plain = [name.strip(" _").lower() for name in self.names]
        return plain.index("background") if "background" in plain else None


@dataclass(frozen=True)
class Target(Movable):
    """What each pixel should be, and how far we trust that.

    A pixel labelled IGNORE counts nowhere. A pixel of weight 0 counts in the
    number of pixels but pulls on nothing.
    """

    labels: Integer[Tensor, "b h w"]
    weight: Float[Tensor, "b h w"]


@dataclass(frozen=True)
class Crop(Movable):
    """Where a view was taken from, so that columns stored for whole images can follow it.

    `box` is top, left, bottom, right as fractions of the whole image; it leaves [0, 1] where the view was padded.
    `flipped` views were mirrored left to right after the crop.
    """

    box: Float[Tensor, "b 4"]
    flipped: Bool[Tensor, " b"]


Texts = tuple[tuple[str, ...], ...]
"""Of each image some strings, such as its captions."""


@dataclass(frozen=True)
class Labelled(Movable):
    """Images with a target for every pixel.

    Of this and the other kinds of steps: `columns` and `texts` are what was computed offline, by name, and empty for a
    method that asks for nothing. `seglet.data.columns.kinds` says what becomes of a column in a batch.
    """

    ids: tuple[str, ...]
    images: Float[Tensor, "b 3 h w"]
    target: Target
    crop: Crop
    columns: Mapping[str, Tensor] = field(default_factory=dict)
    texts: Mapping[str, Texts] = field(default_factory=dict)


@dataclass(frozen=True)
class Unlabelled(Movable):
    """Views of the same crops: `images` weakly, each of the `strong` ones strongly altered; padding is not `valid`."""

    ids: tuple[str, ...]
    images: Float[Tensor, "b 3 h w"]
    strong: Float[Tensor, "s b 3 h w"]
    valid: Bool[Tensor, "b h w"]
    crop: Crop
    columns: Mapping[str, Tensor] = field(default_factory=dict)
    texts: Mapping[str, Texts] = field(default_factory=dict)


@dataclass(frozen=True)
class Tagged(Movable):
    """Images that come with the set of classes present (1 present, 0 absent), and no masks.

    A tag has a column for each class of the data set; that of `Classes.background` is always 0, there being some in
    every image. An image whose tags are all 0 holds none of the classes, and was looked at to know that.
    """

    ids: tuple[str, ...]
    images: Float[Tensor, "b 3 h w"]
    tags: Float[Tensor, "b k"]
    crop: Crop
    columns: Mapping[str, Tensor] = field(default_factory=dict)
    texts: Mapping[str, Texts] = field(default_factory=dict)


@dataclass(frozen=True)
class SemiStep(Movable):
    """What one optimiser step sees when few images are labelled.

    `partner` has what is pasted into the unlabelled images, in equal number, if it comes from images of its own.
    """

    labelled: Labelled
    unlabelled: Unlabelled
    partner: Unlabelled | None = None

    @property
    def ids(self) -> tuple[str, ...]:
        """Of the labelled images, then of the unlabelled ones."""
        return self.labelled.ids + self.unlabelled.ids


@dataclass(frozen=True)
class Progress:
    """Where training stands, counted in optimiser steps, and the seeds of whatever this step draws.

    `seed` differs between processes that share the training, `common_seed` does not.
    """

    step: int
    total: int
    seed: int = 0
    common_seed: int = 0

    @property
    def fraction(self) -> float:
        """Share of training that is done, in [0, 1]."""
        return self.step / max(self.total, 1)

    def generator(self, device: torch.device | str = "cpu") -> torch.Generator:
        """A fresh source of randomness that depends on the seed of this step and nothing else."""
        return torch.Generator(device).manual_seed(self.seed)

    def common_generator(self, device: torch.device | str = "cpu") -> torch.Generator:
        """The same for what all processes must draw alike."""
        return torch.Generator(device).manual_seed(self.common_seed)


@dataclass(frozen=True)
class Losses:
    """A scalar to descend, and the named parts worth plotting."""

    total: Float[Tensor, ""]
    terms: Mapping[str, Float[Tensor, ""]]
