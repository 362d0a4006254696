"""The vocabulary every layer shares. Imports torch and nothing of ours.

Axes: b images, k classes, f foreground classes (all but the background), h rows, w columns, s strong views.
Images are RGB floats in [0, 1]; each backbone applies its own normalisation.

Tags, the classes known to be in an image, are written in three ways, each converted here and nowhere else:

- label ids, a tuple of ints, as files and samples have them: `(1, 3)`;
- the tag vector, with a column for every class, as `Tagged` has it; `tag_vector` makes it of label ids. The column of
  the background is 0;
- the foreground tags, with a column for every class but the background, as losses and class maps take them;
  `without_background` makes them of the tag vector, and likewise foreground maps of the maps of all classes.

The last way needs the background as class 0 (`check_background_first`). Column i then belongs to label i + 1, and
`with_background` goes back.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any, ClassVar, TypeVar

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Integer, Shaped
from torch import Tensor

IGNORE = 255
"""Label of a pixel that carries no annotation: padding, void, object border."""

Colour = tuple[int, int, int]
"""Red, green and blue, from 0 to 255."""

_This = TypeVar("_This", bound="Movable")


def option(default: Any, help: str) -> Any:  # noqa: A002  argparse and click call it so
    """A config field with its default and one line saying what it does and where the default comes from."""
    return field(default=default, metadata={"help": help})


class Movable:
    """Base of frozen records of tensors, which are moved, changed, sliced and concatenated as one.

    Lightning walks into dataclasses and rebuilds them by assignment, which frozen ones refuse, unless they have `to`.
    """

    batch_axes: ClassVar[Mapping[str, int | None]] = MappingProxyType({})
    """Axis of the images in the fields where it is not the first; None where all images share the value."""

    def to(self: _This, *args: Any, **kwargs: Any) -> _This:
        return self.map(lambda tensor: tensor.to(*args, **kwargs))

    def pin_memory(self: _This) -> _This:
        return self.map(lambda tensor: tensor.pin_memory())

    def map(self: _This, change: Callable[..., Tensor], *others: _This) -> _This:
        """Returns the record with `change` applied to every tensor, also to those of records and mappings within it.

        With `others` of the same make-up, `change` also takes their tensors at the same place. Values that are no
        tensors stay as they are in `self`.
        """
        return _rebuilt(self, others, lambda _, *values: _mapped(change, *values))

    def __getitem__(self: _This, which: slice | Shaped[Tensor, " _"]) -> _This:
        """Returns the record of some images: a slice, indices, or a mask of the batch."""
        return _rebuilt(self, (), lambda axis, value: value if axis is None else _sliced(value, which, axis))

    @classmethod
    def cat(cls: type[_This], records: Sequence[_This]) -> _This:
        """Returns one record of the images of all, in their order; values that are not of images come from the first.

        Raises:
            ValueError: a field is missing in some of the records, or a mapping has other names.
        """
        first, *others = records
        return _rebuilt(first, others, lambda axis, *values: values[0] if axis is None else _joined(values, axis))


Record = TypeVar("Record", bound=Movable)
"""Any kind of record, for functions that return the kind they take."""


def _rebuilt(record: Record, others: Sequence[Record], change: Callable[..., Any]) -> Record:
    """Returns the record with `change` applied to the batch axis and the values of each field."""

    def changed(name: str) -> Any:
        return change(record.batch_axes.get(name, 0), *(getattr(each, name) for each in (record, *others)))

    return replace(record, **{part.name: changed(part.name) for part in fields(record)})  # type: ignore[arg-type, type-var]


def _mapped(change: Callable[..., Tensor], value: Any, *others: Any) -> Any:
    if isinstance(value, Tensor):
        return change(value, *others)
    if isinstance(value, Movable):
        return value.map(change, *others)
    if isinstance(value, Mapping):
        return {name: _mapped(change, item, *(other[name] for other in others)) for name, item in value.items()}
    return value


def _sliced(value: Any, which: slice | Tensor, axis: int) -> Any:
    if isinstance(value, Tensor):
        return value[(slice(None),) * axis + (which,)]
    if isinstance(value, Movable):
        return value[which]
    if isinstance(value, Mapping):
        return {name: _sliced(item, which, axis) for name, item in value.items()}
    if isinstance(value, tuple):
        places = torch.arange(len(value))[which.cpu() if isinstance(which, Tensor) else which]
        return tuple(value[place] for place in places.tolist())
    return value


def _joined(values: Sequence[Any], axis: int) -> Any:
    first = values[0]
    if any((value is None) != (first is None) for value in values):
        raise ValueError("cannot concatenate records of which some lack a field; give it to all of them or to none")
    if isinstance(first, Tensor):
        return torch.cat(list(values), dim=axis)
    if isinstance(first, Movable):
        return type(first).cat(values)
    if isinstance(first, Mapping):
        if any(set(value) != set(first) for value in values):
            names = " and ".join(str(sorted(value)) for value in values)
            raise ValueError(f"cannot concatenate mappings of different names: {names}")
        return {name: _joined([value[name] for value in values], axis) for name in first}
    return sum(values, ()) if isinstance(first, tuple) else first


def voc_colour(label: int) -> Colour:
    """Returns the colour PASCAL VOC gives to a label: its bits are dealt in turn to red, green and blue."""
    red = green = blue = 0
    for bit in range(8):
        for_this = label >> (3 * bit)
        red |= (for_this & 1) << (7 - bit)
        green |= (for_this >> 1 & 1) << (7 - bit)
        blue |= (for_this >> 2 & 1) << (7 - bit)
    return red, green, blue


@dataclass(frozen=True)
class Classes:
    """Names and RGB colours (0 to 255) of the classes, in the order of their label ids.

    Raises:
        ValueError: no or too many names, names that repeat, or another number of colours.
    """

    names: tuple[str, ...]
    colours: tuple[Colour, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.names) <= IGNORE:
            raise ValueError(f"expected 1 to {IGNORE} classes, got {len(self.names)}")
        if len(self.names) != len(self.colours):
            raise ValueError(f"{len(self.names)} class names but {len(self.colours)} colours; give each class one")
        if len(set(self.names)) != len(self.names):
            raise ValueError(f"class names repeat: {sorted(n for n in set(self.names) if self.names.count(n) > 1)}")

    @classmethod
    def named(cls, names: Sequence[str]) -> "Classes":
        """Returns classes of these names, in the colours of PASCAL VOC.

        Raises:
            ValueError: `names` is one string, or see `Classes`.
        """
        if isinstance(names, str):
            raise ValueError(f"expected a list of class names, got the string {names!r}; give [{names!r}]")
        return cls(tuple(names), tuple(map(voc_colour, range(len(names)))))

    def __len__(self) -> int:
        return len(self.names)

    @property
    def background(self) -> int | None:
        """The class called background, if there is one: every image has some of it, so no tag names it."""
        plain = [name.strip(" _").lower() for name in self.names]
        return plain.index("background") if "background" in plain else None

    @property
    def foreground(self) -> dict[int, str]:
        """Label ids and names of the classes that a tag can name: all but the background."""
        return {label: name for label, name in enumerate(self.names) if label != self.background}


def check_background_first(classes: Classes) -> None:
    """Checks that the background is class 0 and not the only one, as everything that learns from tags needs it.

    Raises:
        ValueError: the first class is not the background, or there is no other.
    """
    if classes.background != 0:
        raise ValueError(
            f"expected the background as class 0, got {classes.names[0]!r}; masks from tags need one: "
            "put 'background' first in the class table"
        )
    if len(classes) < 2:
        raise ValueError("expected at least one class beside the background; nothing can be tagged")


def tag_vector(labels: Iterable[int], num_classes: int) -> Float[Tensor, " k"]:
    """Returns 1 for each class among the label ids and 0 for all others."""
    vector = torch.zeros(num_classes)
    vector[list(labels)] = 1
    return vector


def without_background(scores: Shaped[Tensor, "b k *size"]) -> Shaped[Tensor, "b f *size"]:
    """Returns tags, scores or maps of the foreground classes alone."""
    return scores[:, 1:]


def with_background(scores: Shaped[Tensor, "b f *size"], value: float) -> Shaped[Tensor, "b k *size"]:
    """Returns tags, scores or maps of all classes, those of the background being `value` everywhere."""
    return F.pad(scores, (*(0, 0) * (scores.ndim - 2), 1, 0), value=value)


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

    batch_axes = MappingProxyType({"strong": 1})

    ids: tuple[str, ...]
    images: Float[Tensor, "b 3 h w"]
    strong: Float[Tensor, "s b 3 h w"]
    valid: Bool[Tensor, "b h w"]
    crop: Crop
    columns: Mapping[str, Tensor] = field(default_factory=dict)
    texts: Mapping[str, Texts] = field(default_factory=dict)


@dataclass(frozen=True)
class Tagged(Movable):
    """Images with their tag vectors (1 present, 0 absent), and no masks.

    The column of `Classes.background` is always 0, there being some in every image. An image whose tags are all 0
    holds none of the other classes, and somebody has checked that.
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

    def generator(self, device: torch.device | str = "cpu", purpose: int = 0) -> torch.Generator:
        """Returns a new random generator that depends on the seed of this step and on the purpose of its draws."""
        return torch.Generator(device).manual_seed(self.seed ^ purpose)

    def common_generator(self, device: torch.device | str = "cpu") -> torch.Generator:
        """The same for what all processes must draw alike."""
        return torch.Generator(device).manual_seed(self.common_seed)


@dataclass(frozen=True)
class Losses:
    """A scalar to descend, and the named parts worth plotting."""

    total: Float[Tensor, ""]
    terms: Mapping[str, Float[Tensor, ""]]
