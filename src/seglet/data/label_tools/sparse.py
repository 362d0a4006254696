"""Sparse annotation: points, lines and boxes become masks that are void where nobody said what is there.

Axes: h rows, w columns; n corners x, y.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Bool, UInt8

from seglet.data.label_tools.regions import (
    AnnotatedImage,
    SparseShape,
    class_label,
    hidden_regions,
    labels_from_regions,
)
from seglet.data.label_tools.strokes import draw_line, draw_points, shrink_corners
from seglet.data.layouts.rasterise import rasterise_corners
from seglet.types import IGNORE, Classes

_OPEN = "image with points or lines, void elsewhere"
_BOXED = "image with boxes, background outside of them"
_NOT_ALL_BOXED = "image with points or lines outside its boxes, void there"
_WHOLE = "image of whole regions or without a shape, background elsewhere"


@dataclass(frozen=True)
class SparseReading:
    """Sizes in which sparse shapes are drawn.

    Args:
        radius: of the disc around a point, in pixels.
        width: of a line, in pixels.
        core: share of a box's area, around its centre, that is taken for its class; the rest of the box is void. The
            share 0.2 is that of Khoreva et al., CVPR 2017, Sec. 3.1.
        filled: boxes that a person drew as regions cover all of their pixels, as in an import that is not sparse.
    """

    radius: float = 3.0
    width: float = 5.0
    core: float = 0.2
    filled: bool = False

    def __post_init__(self) -> None:
        if self.radius < 0 or self.width < 0 or not 0 <= self.core <= 1:
            raise ValueError(
                f"points of radius {self.radius:g}, lines of width {self.width:g} and boxes with a core of "
                f"{self.core:g} cannot be drawn; give sizes of at least 0, and a share of at most 1"
            )

    def outcome(self, form: str) -> str:
        """Returns what shapes of a form become, in words."""
        if form == "points":
            return f"discs of radius {self.radius:g}"
        return f"lines of width {self.width:g}" if form == "line" else f"void with a core of {100 * self.core:g} %"


@dataclass(frozen=True)
class DrawnImage:
    """Labels of an image, the number of regions that were drawn whole, and what became of everything else.

    `sparse` counts the shapes that were drawn sparsely, by kind and outcome.
    """

    labels: UInt8[np.ndarray, "h w"]
    regions: int
    hidden: int
    passed_over: Mapping[str, int]
    remarks: Mapping[str, int]
    sparse: Mapping[str, int]


def draw_whole(annotated: AnnotatedImage, classes: Classes, unlabelled: int) -> DrawnImage:
    """Returns an image drawn from its regions; sparse shapes are passed over.

    Raises:
        DataError: the name of a region is no class.
    """
    labels = labels_from_regions(annotated, classes, unlabelled)
    hidden = hidden_regions(annotated, labels, classes)
    return DrawnImage(labels, len(annotated.regions), hidden, annotated.passed_over, annotated.remarks, {})


def draw_sparse(
    annotated: AnnotatedImage, classes: Classes, unlabelled: int | None, reading: SparseReading
) -> DrawnImage:
    """Returns an image drawn from its regions and its sparse shapes.

    Boxes lie lowest, smaller ones over larger ones, then regions, then lines and points. A pixel that lines or points
    of two classes claim is void. What no shape says is void if there are points or lines; background if there are
    boxes, and no point or line of an object lies outside of them; and background in an image of whole regions.

    Args:
        unlabelled: label of what no shape says; None for the rule above.

    Raises:
        DataError: the name of a region or shape is no class, or a corner is no finite number.
    """
    whole = tuple(region for region in annotated.regions if reading.filled or region.box is None)
    outer = [(region.name, region.box) for region in annotated.regions if not reading.filled]
    hollow = [SparseShape("box", "box", name, box) for name, box in outer if box is not None]
    canvas = _Canvas(replace(annotated, regions=whole), classes, reading)
    boxes = [*hollow, *(shape for shape in annotated.sparse if shape.form == "box")]
    for shape in sorted(boxes, key=lambda shape: -float(np.prod(np.ptp(shape.corners, axis=0)))):
        canvas.draw_box(shape)
    canvas.draw_regions()
    canvas.draw_strokes([shape for shape in annotated.sparse if shape.form != "box"])
    rule, usual = canvas.rule()
    labels = canvas.labels
    labels[~canvas.told] = usual if unlabelled is None else unlabelled
    remarks = Counter(annotated.remarks) + Counter({rule: 1} if unlabelled is None else {})
    passed_over = Counter(annotated.passed_over) - Counter(shape.kind for shape in annotated.sparse) + canvas.empty
    hidden = hidden_regions(canvas.annotated, labels, classes)
    return DrawnImage(labels, len(whole), hidden, passed_over, remarks, canvas.drawn)


@dataclass
class _Canvas:
    """Labels of an image so far, where they are `told`, and counts of what was drawn sparsely or covers no pixel."""

    annotated: AnnotatedImage
    classes: Classes
    reading: SparseReading
    drawn: Counter[str] = field(default_factory=Counter)
    empty: Counter[str] = field(default_factory=Counter)
    stray: bool = False
    """True if a line or point of an object lies where neither a box nor a region is."""

    def __post_init__(self) -> None:
        self.labels = np.full(self.annotated.size, IGNORE, np.uint8)
        self.told = np.zeros(self.annotated.size, np.bool_)
        self.forms: set[str] = set()

    def draw_box(self, shape: SparseShape) -> None:
        """Draws a box: void with a core of its class."""
        label, size = class_label(self.annotated.file, shape.name, self.classes), self.annotated.size
        if self._counted(shape, inside := rasterise_corners(shape.corners, size)):
            self.labels[inside] = IGNORE
            self.told |= inside
            if self.reading.core:
                self.labels[rasterise_corners(shrink_corners(shape.corners, self.reading.core), size)] = label

    def draw_regions(self) -> None:
        """Draws the whole regions."""
        covered = np.zeros(self.annotated.size, np.bool_)
        for region in self.annotated.regions:
            covered |= region.inside
        self.labels[covered] = labels_from_regions(self.annotated, self.classes, IGNORE)[covered]
        self.told |= covered

    def draw_strokes(self, shapes: list[SparseShape]) -> None:
        """Draws lines and points; where two classes claim a pixel it becomes void."""
        claims: dict[int, Bool[np.ndarray, "h w"]] = {}
        for shape in shapes:
            inside = self._stroke(shape)
            if self._counted(shape, inside):
                label = class_label(self.annotated.file, shape.name, self.classes)
                claims[label] = claims[label] | inside if label in claims else inside
        count = sum((inside.astype(np.uint8) for inside in claims.values()), np.zeros(self.annotated.size, np.uint8))
        objects = [inside for label, inside in claims.items() if label not in (self.classes.background, IGNORE)]
        self.stray = any(bool((inside & ~self.told).any()) for inside in objects)
        for label, inside in claims.items():
            self.labels[inside] = label
        self.labels[count > 1] = IGNORE
        self.told |= count > 0

    def rule(self) -> tuple[str, int]:
        """Returns what is remarked on the image, and the label of pixels that no shape says."""
        background = IGNORE if self.classes.background is None else self.classes.background
        if "box" in self.forms:
            return (_NOT_ALL_BOXED, IGNORE) if self.stray else (_BOXED, background)
        return (_OPEN, IGNORE) if self.forms else (_WHOLE, background)

    def _stroke(self, shape: SparseShape) -> Bool[np.ndarray, "h w"]:
        size = self.annotated.size
        if shape.form == "points":
            return draw_points(shape.corners, self.reading.radius, size)
        return draw_line(shape.corners, self.reading.width, size)

    def _counted(self, shape: SparseShape, inside: Bool[np.ndarray, "h w"]) -> bool:
        """Counts a shape by what becomes of it; False if it covers no pixel."""
        if not inside.any():
            self.empty[f"{shape.kind} that covers no pixel"] += 1
            return False
        self.forms.add(shape.form)
        self.drawn[f"{shape.kind} as {self.reading.outcome(shape.form)}"] += 1
        return True
