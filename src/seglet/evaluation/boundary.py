"""Quality of edges: intersection over union of thin bands inside the outlines (boundary IoU).

Axes: k classes, h rows, w columns.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Int64, UInt8
from torch import Tensor

from seglet.types import IGNORE

_BAND_SHARE = 0.02
"""Width of the band as a share of the image's diagonal; the paper's choice for COCO."""


class BoundaryCounts:
    """Counts of the pixels of each class within a band of its outline: in both, in truth, in prediction.

    Source: Cheng et al., Boundary IoU, CVPR 2021; the border of the image is an outline too. Here pixels are pooled
    over the images, and those labelled IGNORE are not counted.
    """

    def __init__(self, num_classes: int) -> None:
        self.counts: Int64[np.ndarray, "k 3"] = np.zeros((num_classes, 3), np.int64)

    def add(self, pred: UInt8[np.ndarray, "h w"], labels: UInt8[np.ndarray, "h w"]) -> None:
        """Counts the pixels of one image."""
        reach = band_width(labels.shape[0], labels.shape[1])
        valid = labels != IGNORE
        for label in np.union1d(labels[valid], pred[valid]):
            truth, found = boundary_band(labels == label, reach) & valid, boundary_band(pred == label, reach) & valid
            self.counts[label] += (truth & found).sum(), truth.sum(), found.sum()


def band_width(height: int, width: int) -> int:
    """Returns the width of the band in pixels, at least 1."""
    return max(1, round(_BAND_SHARE * math.hypot(height, width)))


def boundary_band(inside: Bool[np.ndarray, "h w"], reach: int) -> Bool[np.ndarray, "h w"]:
    """Returns the pixels inside with a pixel outside, or the border, at most `reach` rows and columns away."""
    outside: Tensor = F.pad(torch.from_numpy(~inside).float()[None, None], (reach,) * 4, value=1.0)
    near = F.max_pool2d(F.max_pool2d(outside, (2 * reach + 1, 1), 1), (1, 2 * reach + 1), 1)[0, 0]
    return np.asarray(inside & (near.numpy() > 0))
