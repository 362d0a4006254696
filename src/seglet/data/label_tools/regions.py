"""Named regions of images, the annotation of labelling tools, converted from labels and back.

Axes: h rows, w columns.
"""

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, UInt8

from seglet.data.class_table import is_void
from seglet.data.errors import DataError
from seglet.images.pieces import connected_pieces
from seglet.types import IGNORE, Classes
from seglet.values import choose_from

RegionForm = Literal["polygons", "masks"]
"""Regions as polygons, one per connected piece, or as masks, one per class."""
VOID_NAME = "void"
"""Name of regions to ignore; they become IGNORE when they are read back."""


class NamedRegion:
    """Pixels with the name of a class; `confidence` is the mean probability of the class there, if known.

    A region that was drawn as a rectangle has its corners in `box`.
    The pixels are kept compressed: a file of 10 KB may name hundreds of regions as large as a large image.
    """

    def __init__(
        self,
        name: str,
        inside: Bool[np.ndarray, "h w"],
        confidence: float | None = None,
        box: Float[np.ndarray, "n 2"] | None = None,
    ) -> None:
        self.name, self.confidence, self.box = name, confidence, box
        self._size = inside.shape
        self._packed = zlib.compress(np.packbits(inside).tobytes(), 1)

    @property
    def inside(self) -> Bool[np.ndarray, "h w"]:
        """True where the region is."""
        packed = np.frombuffer(zlib.decompress(self._packed), np.uint8)
        count = self._size[0] * self._size[1]
        return np.unpackbits(packed, count=count).astype(np.bool_).reshape(self._size)


SparseForm = Literal["points", "line", "box"]
"""Points and lines name the class of some pixels of an object, and a box says where the object ends."""


@dataclass(frozen=True)
class SparseShape:
    """Shape with the name of a class that does not tell all pixels of its object; `kind` is the tool's word for it."""

    kind: str
    form: SparseForm
    name: str
    corners: Float[np.ndarray, "n 2"]


@dataclass(frozen=True)
class AnnotatedImage:
    """An image file, relative to the folder of images, with its regions; later ones lie over earlier ones.

    `passed_over` counts the shapes that became no region, by kind; `remarks` count what else was found that is no shape
    or was understood in a way to be known, such as tags of the whole image. `sparse` are those shapes passed over that
    still tell something.
    """

    file: str
    size: tuple[int, int]
    regions: tuple[NamedRegion, ...]
    passed_over: Mapping[str, int] = field(default_factory=dict)
    remarks: Mapping[str, int] = field(default_factory=dict)
    sparse: tuple[SparseShape, ...] = ()

    @property
    def confidence(self) -> float | None:
        """Lowest confidence of all regions, to sort images for review; None if none is known."""
        known = [region.confidence for region in self.regions if region.confidence is not None]
        return min(known) if known else None

    def without_void(self) -> "AnnotatedImage":
        """Returns the image without its void regions."""
        return replace(self, regions=tuple(region for region in self.regions if not is_void(region.name)))


def regions_from_labels(
    file: str,
    labels: UInt8[np.ndarray, "h w"],
    classes: Classes,
    form: RegionForm,
    confidence: Float[np.ndarray, "h w"] | None = None,
) -> AnnotatedImage:
    """Returns the regions of an image's labels; void is a region and background is not, so that nothing is lost.

    Raises:
        DataError: the name of a class means void when it is read back.
    """
    for name in classes.names:
        if is_void(name):
            raise DataError(f"a class is called {name!r}, which means void when it is read back; rename it")
    found = []
    for label in (IGNORE, *range(len(classes))):
        if label == classes.background or not (whole := labels == label).any():
            continue
        for inside in connected_pieces(whole) if form == "polygons" else [whole]:
            sure = None if confidence is None else round(float(confidence[inside].mean()), 4)
            found.append(NamedRegion(VOID_NAME if label == IGNORE else classes.names[label], inside, sure))
    return AnnotatedImage(file, (labels.shape[0], labels.shape[1]), tuple(found))


def labels_from_regions(annotated: AnnotatedImage, classes: Classes, unlabelled: int) -> UInt8[np.ndarray, "h w"]:
    """Returns the labels of an image; pixels in no region get the label `unlabelled`.

    Raises:
        DataError: the name of a region is no class.
    """
    labels = np.full(annotated.size, unlabelled, np.uint8)
    for region in annotated.regions:
        labels[region.inside] = class_label(annotated.file, region.name, classes)
    return labels


def class_label(file: str, name: str, classes: Classes) -> int:
    """Returns the label of a region's or shape's name, IGNORE for void.

    Raises:
        DataError: it is no class; names the image.
    """
    if is_void(name):
        return IGNORE
    if name not in classes.names:
        raise DataError(f"{file!r} has a region called {name!r}, which is no class; {choose_from(name, classes.names)}")
    return classes.names.index(name)


def hidden_regions(annotated: AnnotatedImage, labels: UInt8[np.ndarray, "h w"], classes: Classes) -> int:
    """Returns how many regions lie wholly under later ones, so that no pixel of theirs is left in the labels."""
    hidden = 0
    for region in annotated.regions:
        label = IGNORE if is_void(region.name) else classes.names.index(region.name)
        hidden += not (labels[region.inside] == label).any()
    return hidden


def names_without_void(names: Iterable[str]) -> tuple[str, ...]:
    """Returns the names, each once and in order, without those that mean void."""
    return tuple(dict.fromkeys(name for name in names if not is_void(name)))
