"""Types that every layer shares.

Axes: b images, k classes, f foreground classes (all but the background), h rows, w columns, s strong views.
Images are RGB floats in [0, 1]; each backbone applies its own normalisation.

Tags, the classes known to be in an image, have three encodings, which are converted here alone:

- label ids, a tuple of ints, in files and samples: `(1, 3)`;
- the tag vector, with a column for every class, in `Tagged`; `tag_vector` makes it from label ids. The column of the
  background is 0;
- the foreground tags, with a column for every class but the background, in losses and class maps;
  `without_background` makes them from the tag vector, and foreground maps from the maps of all classes.

The last encoding needs the background as class 0 (`check_background_first`). Column i then belongs to label i + 1, and
`with_background` is the inverse.
"""

import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any, ClassVar, TypeVar

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Integer, Shaped
from torch import Tensor

IGNORE = 255
"""Label of a pixel without annotation: padding, void, object border."""

Colour = tuple[int, int, int]
"""Red, green and blue, from 0 to 255."""

_This = TypeVar("_This", bound="TensorRecord")


def option(default: Any, help: str) -> Any:  # noqa: A002  argparse and click call it so
    """Returns a config field with a default and one line of help: its effect and the source of the default."""
    return field(default=default, metadata={"help": help})


class TensorRecord:
    """Base of frozen dataclasses of tensors that are moved, changed, sliced and concatenated as one.

    Lightning moves other dataclasses by assigning to their fields, which frozen ones refuse; it calls `to` if present.
    """

    batch_axes: ClassVar[Mapping[str, int | None]] = MappingProxyType({})
    """Axis of the images in the fields where it is not the first; None where all images share the value."""

    def to(self: _This, *args: Any, **kwargs: Any) -> _This:
        """Returns the record with every tensor moved or cast, as `Tensor.to` does."""
        return self.map(lambda tensor: tensor.to(*args, **kwargs))

    def pin_memory(self: _This) -> _This:
        """Returns the record with every tensor in pinned memory."""
        return self.map(lambda tensor: tensor.pin_memory())

    def map(self: _This, change: Callable[..., Tensor], *others: _This) -> _This:
        """Returns the record with `change` applied to every tensor, also to those of records and mappings within it.

        With `others` of the same structure, `change` also takes their tensors at the same place. Values that are no
        tensors stay as they are in `self`.
        """
        return _rebuilt(self, others, lambda _, *values: _mapped(change, *values))

    def __getitem__(self: _This, which: slice | Shaped[Tensor, " _"]) -> _This:
        """Returns the record of some images: a slice, indices, or a mask of the batch."""
        return _rebuilt(self, (), lambda axis, value: value if axis is None else _sliced(value, which, axis))

    @classmethod
    def cat(cls: type[_This], records: Sequence[_This]) -> _This:
        """Returns one record of the images of all records; values that images share are taken from the first.

        Raises:
            ValueError: a field is missing in some of the records, or a mapping has other names.
        """
        first, *others = records
        return _rebuilt(first, others, lambda axis, *values: values[0] if axis is None else _joined(values, axis))


Record = TypeVar("Record", bound=TensorRecord)
"""Type variable for functions that return the kind of record they take."""


def _rebuilt(record: Record, others: Sequence[Record], change: Callable[..., Any]) -> Record:
    """Returns the record with `change` applied to the batch axis and the values of each field."""

    def changed(name: str) -> Any:
        return change(record.batch_axes.get(name, 0), *(getattr(each, name) for each in (record, *others)))

    return replace(record, **{part.name: changed(part.name) for part in fields(record)})  # type: ignore[arg-type, type-var]


def _mapped(change: Callable[..., Tensor], value: Any, *others: Any) -> Any:
    if isinstance(value, Tensor):
        return change(value, *others)
    if isinstance(value, TensorRecord):
        return value.map(change, *others)
    if isinstance(value, Mapping):
        return {name: _mapped(change, item, *(other[name] for other in others)) for name, item in value.items()}
    return value


def _sliced(value: Any, which: slice | Tensor, axis: int) -> Any:
    if isinstance(value, Tensor):
        return value[(slice(None),) * axis + (which,)]
    if isinstance(value, TensorRecord):
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
    if isinstance(first, TensorRecord):
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


def check_distinct_names(names: Iterable[str]) -> None:
    """Checks names of classes that a user gives.

    Raises:
        ValueError: two of them differ in upper and lower case only, so that tags and prompts may mean either.
    """
    found: dict[str, str] = {}
    for name in names:
        other = found.setdefault(name.strip().casefold(), name)
        if other != name:
            raise ValueError(f"{other!r} and {name!r} are two classes that differ in case only; call one otherwise, or "
                             "make them one class")  # fmt: skip


_CONTROL = ("Cc", "Zl", "Zp")
"""Unicode categories of control characters, line and paragraph separators, which tables of classes cannot hold."""


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
        if wrong := [colour for colour in self.colours if not all(0 <= part <= 255 for part in colour)]:
            raise ValueError(f"colour {wrong[0]} is none; expected red, green and blue from 0 to 255")
        if odd := [name for name in self.names if any(unicodedata.category(letter) in _CONTROL for letter in name)]:
            raise ValueError(f"class name {odd[0]!r} holds a line break or another control character; rename it")
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
        check_distinct_names(names)
        return cls(tuple(names), tuple(map(voc_colour, range(len(names)))))

    def __len__(self) -> int:
        return len(self.names)

    @property
    def background(self) -> int | None:
        """Label id of the class called background, if there is one; it is in every image, so no tag names it."""
        plain = [name.strip(" _").lower() for name in self.names]
        return plain.index("background") if "background" in plain else None

    @property
    def foreground(self) -> dict[int, str]:
        """Label ids and names of the classes that tags can name: all but the background."""
        return {label: name for label, name in enumerate(self.names) if label != self.background}


def check_background_first(classes: Classes) -> None:
    """Checks that the background is class 0 and not the only class, as learning from tags requires.

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
    """Returns tags, scores or maps of all classes; those of the background are `value` everywhere."""
    return F.pad(scores, (*(0, 0) * (scores.ndim - 2), 1, 0), value=value)


@dataclass(frozen=True)
class Target(TensorRecord):
    """Label of each pixel and its weight in the loss.

    A pixel labelled IGNORE is not counted. A pixel of weight 0 is counted in means, but has no gradient.
    """

    labels: Integer[Tensor, "b h w"]
    weight: Float[Tensor, "b h w"]


@dataclass(frozen=True)
class Crop(TensorRecord):
    """Place of a view in its image, by which columns stored for whole images are cropped alike.

    `box` is top, left, bottom, right as fractions of the whole image; it leaves [0, 1] where the view was padded.
    `flipped` views are mirrored left to right after the crop.
    """

    box: Float[Tensor, "b 4"]
    flipped: Bool[Tensor, " b"]


ImageTexts = tuple[tuple[str, ...], ...]
"""Strings of each image, such as its captions."""


@dataclass(frozen=True)
class Labelled(TensorRecord):
    """Images with a target for every pixel.

    In this and the other kinds of steps, `columns` and `texts` hold offline features by name; they are empty for a
    method that asks for none. `seglet.data.columns.kinds` describes their form in a batch.
    """

    ids: tuple[str, ...]
    images: Float[Tensor, "b planes h w"]
    target: Target
    crop: Crop
    columns: Mapping[str, Tensor] = field(default_factory=dict)
    texts: Mapping[str, ImageTexts] = field(default_factory=dict)


@dataclass(frozen=True)
class Unlabelled(TensorRecord):
    """Views of the same crops: `images` with weak, `strong` with strong augmentation; padding is not `valid`."""

    batch_axes = MappingProxyType({"strong": 1})

    ids: tuple[str, ...]
    images: Float[Tensor, "b 3 h w"]
    strong: Float[Tensor, "s b 3 h w"]
    valid: Bool[Tensor, "b h w"]
    crop: Crop
    columns: Mapping[str, Tensor] = field(default_factory=dict)
    texts: Mapping[str, ImageTexts] = field(default_factory=dict)


@dataclass(frozen=True)
class Tagged(TensorRecord):
    """Images with their tag vectors (1 present, 0 absent), and no masks.

    The column of `Classes.background` is always 0, there being some in every image. An image whose tags are all 0
    has none of the other classes, and that is known.
    """

    ids: tuple[str, ...]
    images: Float[Tensor, "b 3 h w"]
    tags: Float[Tensor, "b k"]
    crop: Crop
    columns: Mapping[str, Tensor] = field(default_factory=dict)
    texts: Mapping[str, ImageTexts] = field(default_factory=dict)


@dataclass(frozen=True)
class SemiStep(TensorRecord):
    """Batch of one optimiser step of semi-supervised training.

    `partner` holds the images that are pasted into the unlabelled ones, in equal number, if they are not the same.
    """

    labelled: Labelled
    unlabelled: Unlabelled
    partner: Unlabelled | None = None

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of the labelled images, then of the unlabelled ones."""
        return self.labelled.ids + self.unlabelled.ids


@dataclass(frozen=True)
class Progress:
    """Progress of training in optimiser steps, and the seeds of this step's random draws.

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
        """Returns a new random generator for draws that must be equal in all processes."""
        return torch.Generator(device).manual_seed(self.common_seed)


@dataclass(frozen=True)
class Losses:
    """Scalar loss to minimise, and its named terms for the log."""

    total: Float[Tensor, ""]
    terms: Mapping[str, Float[Tensor, ""]]
