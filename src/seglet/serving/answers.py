"""Segmentations as the JSON that the REST server answers. Axes: h rows, w columns."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from seglet.data.label_tools.outline import mask_outlines
from seglet.inference.segment import PredictedMaps, found_shares
from seglet.serving.limits import RequestError
from seglet.types import IGNORE, Classes

_MOST_SIDES = 1_000_000
"""Sides of pixels between classes up to which outlines are drawn, in seconds."""


@dataclass(frozen=True)
class FoundClass:
    """A class that was found in an image.

    `share` is that of the pixels and `confidence` the mean probability there, both from 0 to 1. Each of the `polygons`
    is the outline of a piece of connected pixels, as corners [x, y] on the sides of pixels; a hole is joined to it by
    a cut. They are null unless asked for, and for the background.
    """

    id: int
    name: str
    share: float
    confidence: float
    polygons: list[list[list[int]]] | None = None


@dataclass(frozen=True)
class FoundClasses:
    """The classes of an image, the largest share first; `void` is the share of pixels of no class."""

    height: int
    width: int
    classes: list[FoundClass]
    mean_confidence: float
    void: float


@dataclass(frozen=True)
class KnownClass:
    """A class of the network: its value in masks, its name, and its colour (red, green, blue) in their palette."""

    id: int
    name: str
    colour: list[int]


@dataclass(frozen=True)
class Health:
    """State of the server: `ok` as soon as it answers."""

    status: str


@dataclass(frozen=True)
class RequestProblem:
    """An error: what was expected, what was found, what to do."""

    error: str


def found_classes(found: PredictedMaps, classes: Classes, polygons: bool) -> FoundClasses:
    """Returns the classes in a segmentation, with the polygons of their pieces if asked for.

    Raises:
        RequestError: there would be too many corners (413).
    """
    if polygons and (sides := _sides_between_classes(found.labels)) > _MOST_SIDES:
        raise RequestError(413, f"the outlines have {sides} sides of pixels, {_MOST_SIDES} are allowed; take the mask")

    def outlines(label: int) -> list[list[list[int]]] | None:
        if not polygons or label == classes.background:
            return None
        return [polygon.tolist() for polygon in mask_outlines(found.labels == label)]

    shares = found_shares(found.labels, found.confidence, len(classes))
    table = [
        FoundClass(label, classes.names[label], share, confidence, outlines(label))
        for label, share, confidence in shares
    ]
    height, width = found.labels.shape
    void = float((found.labels == IGNORE).mean())
    return FoundClasses(height, width, table, float(found.confidence.mean()), void)


def known_classes(classes: Classes) -> list[KnownClass]:
    """Returns the classes of a network in the order of their values in masks."""
    table = zip(classes.names, classes.colours, strict=True)
    return [KnownClass(label, name, list(colour)) for label, (name, colour) in enumerate(table)]


def _sides_between_classes(labels: UInt8[np.ndarray, "h w"]) -> int:
    return int((labels[1:] != labels[:-1]).sum() + (labels[:, 1:] != labels[:, :-1]).sum())
