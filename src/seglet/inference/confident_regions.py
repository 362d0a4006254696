"""Of predicted labels, the connected pieces that are sure and large enough. Axes: h rows, w columns, k classes."""

import numpy as np
from jaxtyping import Float, UInt8

from seglet.data.label_tools.pieces import number_pieces
from seglet.types import IGNORE


def keep_confident_regions(
    labels: UInt8[np.ndarray, "h w"], confidence: Float[np.ndarray, "h w"], least: float, area: int
) -> UInt8[np.ndarray, "h w"]:
    """The labels with IGNORE for pieces of one class whose mean confidence is below `least`, or smaller than `area`."""
    kept = labels.copy()
    if least <= 0 and area <= 1:
        return kept
    for label in np.unique(labels[labels != IGNORE]):
        piece = number_pieces(labels == label)
        sizes = np.bincount(piece.ravel())
        means = np.bincount(piece.ravel(), confidence.ravel()) / np.maximum(sizes, 1)
        poor = (means < least) | (sizes < area)
        poor[0] = False  # the pixels of other classes
        kept[poor[piece]] = IGNORE
    return kept
