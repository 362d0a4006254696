"""Further augmentations of training views, as an experiment's key `augment` lists them, and presets of them.

Every term draws all its numbers from the generator of the view, whether or not its chance comes up, so the view is a
function of seed and position alone. Axes: h rows, w columns.
"""

import io
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Float32
from PIL import Image

from seglet.data.augment.colour import ColourJitter, jitter_colours
from seglet.data.augment.strong import gaussian_blur
from seglet.types import option
from seglet.values import read_term

Unit = Float32[np.ndarray, "h w 3"]


@dataclass(frozen=True)
class AugmentTerm:
    """An augmentation and the option that every one has."""

    chance: float = option(1.0, "probability that a view is changed")

    def __post_init__(self) -> None:
        if not 0 < self.chance <= 1:
            raise ValueError(f"chance: expected above 0 and up to 1, got {self.chance}; leave the term out instead")

    def _at_least(self, least: float, name: str, most: float = math.inf) -> None:
        value = getattr(self, name)
        if not least <= value <= most:
            bound = f"{least:g} or more" if most == math.inf else f"{least:g} to {most:g}"
            raise ValueError(f"{name}: expected {bound}, got {value}")


@dataclass(frozen=True)
class Motion:
    """Changes of geometry that one view takes, in this order: stretched, turned, bent, mirrored.

    `aspect` multiplies the width and divides the height. `angle` is in degrees, counterclockwise. `bend` has rows and
    columns, in pixels, by which control points are moved. `quarters` are right angles, counterclockwise.
    """

    aspect: float = 1.0
    angle: float = 0.0
    bend: Float[np.ndarray, "2 points points"] | None = None
    quarters: int = 0
    upside_down: bool = False

    @property
    def bends(self) -> bool:
        """True if pixels of the view are no pixels of the scaled image."""
        return self.angle != 0 or self.bend is not None


class GeometryTerm(AugmentTerm, ABC):
    """A term that moves image, mask and columns alike."""

    keeps_boxes: ClassVar[bool] = False
    """True if a box of the image still says where the view lies, so that columns of a grid can follow."""

    @abstractmethod
    def draw(self, crop: tuple[int, int], rng: np.random.Generator) -> Mapping[str, object]:
        """Draws the fields of the view's `Motion` that this term decides."""


class ImageTerm(AugmentTerm, ABC):
    """A term that changes the values of the image alone."""

    @abstractmethod
    def change(self, image: Unit, rng: np.random.Generator) -> Unit:
        """Returns the changed image, in [0, 1]."""


@dataclass(frozen=True)
class Turn(GeometryTerm):
    """Turns by none, one, two or three right angles, evenly; exact."""

    def draw(self, crop: tuple[int, int], rng: np.random.Generator) -> Mapping[str, object]:
        taken, quarters = rng.random() < self.chance, int(rng.integers(4))
        return {"quarters": quarters if taken else 0}


@dataclass(frozen=True)
class FlipVertically(GeometryTerm):
    """Mirrors top to bottom; exact."""

    chance: float = option(0.5, "probability that a view is changed")

    def draw(self, crop: tuple[int, int], rng: np.random.Generator) -> Mapping[str, object]:
        return {"upside_down": bool(rng.random() < self.chance)}


@dataclass(frozen=True)
class Rotate(GeometryTerm):
    """Rotates about the centre of the view; what lies beyond the image is padding."""

    degrees: float = option(10.0, "largest angle, drawn from ± this")

    def __post_init__(self) -> None:
        super().__post_init__()
        self._at_least(0, "degrees", 180)

    def draw(self, crop: tuple[int, int], rng: np.random.Generator) -> Mapping[str, object]:
        taken, angle = rng.random() < self.chance, self.degrees * rng.uniform(-1, 1)
        return {"angle": angle if taken else 0.0}


@dataclass(frozen=True)
class Aspect(GeometryTerm):
    """Stretches the image: one side longer, the other shorter."""

    keeps_boxes = True
    ratio: float = option(1.25, "largest change of width / height; its logarithm is drawn evenly")

    def __post_init__(self) -> None:
        super().__post_init__()
        self._at_least(1, "ratio", 4)

    def draw(self, crop: tuple[int, int], rng: np.random.Generator) -> Mapping[str, object]:
        taken, power = rng.random() < self.chance, rng.uniform(-0.5, 0.5)
        return {"aspect": self.ratio**power if taken else 1.0}


@dataclass(frozen=True)
class Elastic(GeometryTerm):
    """Moves the points of a coarse grid at random and all others smoothly with them, as U-Net does."""

    amount: float = option(6.0, "largest movement of a point in pixels, in rows and in columns")
    spacing: float = option(64.0, "pixels between points")

    def __post_init__(self) -> None:
        super().__post_init__()
        self._at_least(0, "amount")
        self._at_least(4, "spacing")

    def draw(self, crop: tuple[int, int], rng: np.random.Generator) -> Mapping[str, object]:
        points = max(4, math.ceil(max(crop) / self.spacing) + 1)
        taken, bend = rng.random() < self.chance, self.amount * rng.uniform(-1, 1, (2, points, points))
        return {"bend": bend if taken else None}


@dataclass(frozen=True)
class Blur(ImageTerm):
    """Blurs by a Gaussian."""

    sigma: float = option(1.5, "largest standard deviation in pixels")

    def __post_init__(self) -> None:
        super().__post_init__()
        self._at_least(0.1, "sigma", 64)

    def change(self, image: Unit, rng: np.random.Generator) -> Unit:
        taken, sigma = rng.random() < self.chance, rng.uniform(0.1, self.sigma)
        return gaussian_blur(image, sigma) if taken else image


@dataclass(frozen=True)
class Noise(ImageTerm):
    """Adds Gaussian noise to every channel."""

    sigma: float = option(0.05, "largest standard deviation, of values from 0 to 1")

    def __post_init__(self) -> None:
        super().__post_init__()
        self._at_least(0, "sigma", 1)

    def change(self, image: Unit, rng: np.random.Generator) -> Unit:
        taken, sigma = rng.random() < self.chance, np.float32(self.sigma * rng.random())
        noise = rng.standard_normal(image.shape, np.float32)
        return np.clip(image + sigma * noise, 0, 1) if taken else image


@dataclass(frozen=True)
class Jpeg(ImageTerm):
    """Compresses as a JPEG file."""

    quality: int = option(40, "least quality, drawn from here to 95")

    def __post_init__(self) -> None:
        super().__post_init__()
        self._at_least(1, "quality", 95)

    def change(self, image: Unit, rng: np.random.Generator) -> Unit:
        taken, quality = rng.random() < self.chance, int(rng.integers(self.quality, 96))
        if not taken:
            return image
        stored = io.BytesIO()
        Image.fromarray((image * 255).round().astype(np.uint8)).save(stored, "JPEG", quality=quality)
        return np.asarray(Image.open(stored), np.float32) / np.float32(255)


@dataclass(frozen=True)
class Gamma(ImageTerm):
    """Raises values to a power: shadows lighter or darker, black and white as they are."""

    range: float = option(1.5, "largest exponent; its logarithm is drawn evenly, and the least is 1 over this")

    def __post_init__(self) -> None:
        super().__post_init__()
        self._at_least(1, "range", 8)

    def change(self, image: Unit, rng: np.random.Generator) -> Unit:
        taken, power = rng.random() < self.chance, np.float32(self.range ** rng.uniform(-1, 1))
        return image.clip(0, 1) ** power if taken else image


@dataclass(frozen=True)
class Recolour(ImageTerm):
    """Changes brightness, contrast, saturation and hue, see `ColourJitter`."""

    brightness: float = option(0.2, "factor drawn from 1 ± this")
    contrast: float = option(0.2, "factor drawn from 1 ± this")
    saturation: float = option(0.2, "factor drawn from 1 ± this")
    hue: float = option(0.0, "part of a turn, drawn from ± this")

    def __post_init__(self) -> None:
        super().__post_init__()
        _ = self.jitter

    @property
    def jitter(self) -> ColourJitter:
        """The largest changes."""
        return ColourJitter(self.brightness, self.contrast, self.saturation, self.hue)

    def change(self, image: Unit, rng: np.random.Generator) -> Unit:
        taken, changed = rng.random() < self.chance, jitter_colours(image, self.jitter, rng)
        return changed if taken else image


AUGMENT_TERMS: Mapping[str, type[AugmentTerm]] = MappingProxyType(
    {
        "turn": Turn, "vflip": FlipVertically, "rotate": Rotate, "aspect": Aspect, "elastic": Elastic,
        "colour": Recolour, "gamma": Gamma, "blur": Blur, "noise": Noise, "jpeg": Jpeg,
    }
)  # fmt: skip

AUGMENT_PRESETS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "street": ("aspect ratio=1.1", "colour brightness=0.3 contrast=0.3", "gamma range=1.3", "blur chance=0.2"),
        "objects": ("rotate degrees=10 chance=0.5", "aspect", "colour hue=0.05", "blur chance=0.2", "jpeg chance=0.2"),
        "aerial": ("turn", "vflip", "aspect ratio=1.1", "colour", "blur chance=0.2 sigma=1"),
        "microscopy": (
            "turn", "vflip", "rotate degrees=45 chance=0.5", "elastic chance=0.5", "gamma", "noise chance=0.3",
            "blur chance=0.2",
        ),
        "industrial": (
            "vflip", "rotate degrees=5", "colour saturation=0.1", "gamma range=1.3", "noise chance=0.3 sigma=0.03",
            "blur chance=0.2",
        ),
    }
)  # fmt: skip
"""Terms for kinds of images; ours."""


@dataclass(frozen=True)
class NamedTerm:
    """A term under the name by which an experiment lists it."""

    name: str
    term: AugmentTerm


@dataclass(frozen=True)
class AugmentTerms:
    """The terms of a list, those of geometry and those of the image."""

    terms: tuple[NamedTerm, ...] = ()

    @property
    def unboxed(self) -> list[str]:
        """Names of the terms after which no box of the image says where the view lies."""
        return [one.name for one in self.terms if isinstance(one.term, GeometryTerm) and not one.term.keeps_boxes]

    @property
    def colourful(self) -> bool:
        """True if a term changes the values of the image."""
        return any(isinstance(one.term, ImageTerm) for one in self.terms)

    def motion(self, crop: tuple[int, int], rng: np.random.Generator) -> Motion:
        """Draws the geometry of a view of `crop` (h, w) pixels."""
        drawn: dict[str, object] = {}
        for one in self.terms:
            if isinstance(one.term, GeometryTerm):
                drawn |= one.term.draw(crop, rng)
        return Motion(**drawn)  # type: ignore[arg-type]

    def change(self, image: Unit, rng: np.random.Generator) -> Unit:
        """Changes the values of an image in [0, 1], one term after the other."""
        for one in self.terms:
            if isinstance(one.term, ImageTerm):
                image = one.term.change(image, rng)
        return image


def parse_augment(augment: Sequence[str]) -> AugmentTerms:
    """Reads the terms of a list; a preset stands for its terms, and a term after it replaces that of the same name.

    Raises:
        ValueError: there is no such term, preset or option, or a value is out of range.
    """
    kinds: dict[str, type[AugmentTerm]] = {**AUGMENT_TERMS, **dict.fromkeys(AUGMENT_PRESETS, AugmentTerm)}
    found: dict[str, AugmentTerm] = {}
    for text in augment:
        listed = AUGMENT_PRESETS.get(text.strip())
        for each in (text,) if listed is None else listed:
            if each.split() and each.split()[0] in AUGMENT_PRESETS:
                raise ValueError(f"augment: the preset {each.split()[0]!r} has no options; list its terms after it")
            name, term = read_term(each, kinds, "augment")
            found[name] = term
    return AugmentTerms(tuple(NamedTerm(name, term) for name, term in found.items()))
