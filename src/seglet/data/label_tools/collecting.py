"""Collects the regions of an image, and counts the shapes that become none.

Axes: h rows, w columns; n corners x, y.
"""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float

from seglet.data.label_tools.regions import AnnotatedImage, NamedRegion, SparseForm, SparseShape
from seglet.data.layouts.rasterise import rasterise_corners

_SIDES = 360
"""Number of corners by which an ellipse is drawn."""


@dataclass
class RegionCollector:
    """Regions of an image of `size` (h, w) so far, with counts of what is no region; see `AnnotatedImage`."""

    size: tuple[int, int]
    regions: list[NamedRegion] = field(default_factory=list)
    passed_over: Counter[str] = field(default_factory=Counter)
    remarks: Counter[str] = field(default_factory=Counter)
    sparse: list[SparseShape] = field(default_factory=list)

    def add(self, kind: str, name: str, inside: Bool[np.ndarray, "h w"], confidence: float | None = None) -> None:
        """Adds a region, or counts a shape of this kind that covers no pixel."""
        if inside.any():
            self.regions.append(NamedRegion(name, inside, confidence))
        else:
            self.passed_over[f"{kind} that covers no pixel"] += 1

    def add_polygon(
        self, kind: str, name: str, corners: Float[np.ndarray, "n 2"], confidence: float | None = None
    ) -> None:
        """Adds the inside of a polygon, or counts it if it has fewer than three corners.

        Raises:
            DataError: a corner is no finite number.
        """
        if len(corners) < 3:
            self.passed_over[f"{kind} of fewer than 3 corners"] += 1
        else:
            self.add(kind, name, rasterise_corners(corners, self.size), confidence)

    def add_box(self, kind: str, name: str, corners: Float[np.ndarray, "n 2"], confidence: float | None = None) -> None:
        """Adds the inside of a rectangle, whose corners are kept, or counts it as `add_polygon` does."""
        before = len(self.regions)
        self.add_polygon(kind, name, corners, confidence)
        for region in self.regions[before:]:
            region.box = corners

    def add_sparse(self, kind: str, form: SparseForm, name: str, corners: Float[np.ndarray, "n 2"]) -> None:
        """Counts a shape that covers no known pixels, and keeps it for an import of sparse shapes if it has a name."""
        self.passed_over[kind] += 1
        if name and len(corners):
            self.sparse.append(SparseShape(kind, form, name, corners))

    def image(self, file: str) -> AnnotatedImage:
        """Returns the image with all that was collected."""
        passed_over, remarks = dict(self.passed_over), dict(self.remarks)
        return AnnotatedImage(file, self.size, tuple(self.regions), passed_over, remarks, tuple(self.sparse))


def box_corners(left: float, top: float, right: float, bottom: float) -> Float[np.ndarray, "4 2"]:
    """Returns the corners of an upright box."""
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float64)


def ellipse_corners(x: float, y: float, radius_x: float, radius_y: float) -> Float[np.ndarray, "n 2"]:
    """Returns corners on an upright ellipse around (x, y)."""
    angles = np.linspace(0, 2 * np.pi, _SIDES, endpoint=False)
    return np.stack([x + radius_x * np.cos(angles), y + radius_y * np.sin(angles)], axis=1)


def turned(corners: Float[np.ndarray, "n 2"], degrees: float, centre: tuple[float, float]) -> Float[np.ndarray, "n 2"]:
    """Returns the corners turned about a point, clockwise as seen on a screen, where y goes down."""
    if not degrees:
        return corners
    sine, cosine = np.sin(np.deg2rad(degrees)), np.cos(np.deg2rad(degrees))
    x, y = (corners - centre).T
    return np.stack([x * cosine - y * sine, x * sine + y * cosine], axis=1) + centre
