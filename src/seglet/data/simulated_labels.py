"""Sparse labels simulated from full masks: points, scribbles or boxes of each connected region of each class.

Axes: h rows, w columns.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, UInt8

from seglet.data.label_tools.collecting import box_corners
from seglet.data.label_tools.strokes import draw_line, draw_points, shrink_corners
from seglet.data.layouts.rasterise import rasterise_corners
from seglet.images.pieces import connected_pieces
from seglet.types import IGNORE

SparseKind = Literal["points", "scribbles", "boxes"]
_STATIONS = 6
"""Places along a region's longest direction that a scribble passes."""


@dataclass(frozen=True)
class SparseSimulation:
    """Kind of simulated labels.

    Args:
        kind: points, scribbles or boxes.
        count: points of each region.
        radius: of the disc around a point, in pixels.
        width: of a scribble, in pixels.
        core: share of a box's area around its centre that gets its class.
    """

    kind: SparseKind
    count: int = 1
    radius: float = 3.0
    width: float = 3.0
    core: float = 0.2

    def thin(
        self, labels: UInt8[np.ndarray, "h w"], background: int | None, rng: np.random.Generator
    ) -> tuple[UInt8[np.ndarray, "h w"], int]:
        """Returns the labels that are left of a mask, void elsewhere, and the number of regions they come from.

        Points and scribbles stay within their regions, those of the background included. Boxes are those of all other
        regions: background outside of them is known, smaller boxes lie over larger ones, and their insides are void
        but for the core.
        """
        regions = list(_regions(labels))
        thinned = np.full(labels.shape, IGNORE, np.uint8)
        if self.kind == "boxes":
            boxed = [(label, inside) for label, inside in regions if label != background]
            self._draw_boxes(labels, boxed, background, thinned)
            return thinned, len(boxed)
        for label, inside in regions:
            thinned[inside & self._stroke(inside, rng)] = label
        return thinned, len(regions)

    def _stroke(self, inside: Bool[np.ndarray, "h w"], rng: np.random.Generator) -> Bool[np.ndarray, "h w"]:
        size = (inside.shape[0], inside.shape[1])
        pixels = np.argwhere(inside)[:, ::-1] + 0.5
        if self.kind == "points":
            chosen = rng.choice(len(pixels), min(self.count, len(pixels)), replace=False)
            return draw_points(pixels[chosen], self.radius, size)
        return draw_line(_scribble(pixels, rng), self.width, size)

    def _draw_boxes(
        self,
        labels: UInt8[np.ndarray, "h w"],
        boxed: list[tuple[int, Bool[np.ndarray, "h w"]]],
        background: int | None,
        thinned: UInt8[np.ndarray, "h w"],
    ) -> None:
        if background is not None:
            thinned[labels == background] = background
        boxes = []
        for label, inside in boxed:
            rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
            sides = map(float, (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1))
            boxes.append((label, box_corners(*sides)))
        for label, corners in sorted(boxes, key=lambda box: -float(np.prod(np.ptp(box[1], axis=0)))):
            size = (labels.shape[0], labels.shape[1])
            thinned[rasterise_corners(corners, size)] = IGNORE
            if self.core:
                thinned[rasterise_corners(shrink_corners(corners, self.core), size)] = label
        thinned[labels == IGNORE] = IGNORE


def _regions(labels: UInt8[np.ndarray, "h w"]) -> Iterator[tuple[int, Bool[np.ndarray, "h w"]]]:
    """Yields the connected regions of each class, without void."""
    for label in np.unique(labels):
        if label != IGNORE:
            yield from ((int(label), inside) for inside in connected_pieces(labels == label))


def _scribble(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Returns corners of a line through a region: near the middle of it, from place to place in its longest direction.

    Of the region's extent between 5 and 25 % are left out at each end, by chance.
    """
    centred = pixels - pixels.mean(axis=0)
    along = centred @ np.linalg.eigh(centred.T @ centred)[1][:, -1]
    order = np.argsort(along, kind="stable")
    low, high = rng.uniform(0.05, 0.25), rng.uniform(0.75, 0.95)
    slabs = np.array_split(order[int(low * len(order)) : max(int(high * len(order)), 1)], _STATIONS)
    middles = [pixels[slab].mean(axis=0) for slab in slabs if len(slab)]
    nearest = [pixels[np.argmin(((pixels - middle) ** 2).sum(axis=1))] for middle in middles]
    return np.array(nearest if nearest else pixels[:1])
