"""How well edges fit: intersection over union of thin bands inside the outlines.

Axes: k classes, h rows, w columns.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Int64, UInt8
from torch import Tensor

from seglet.types import IGNORE

WIDTH = 0.02
"""Of the band, as a share of the image's diagonal; the paper's choice for COCO."""


class Boundary:
    """Counts of the pixels of each class that lie within a band of its outline: in both, in truth, in prediction.

    Source: Cheng et al., Boundary IoU, CVPR 2021; the border of the image is an outline too. Here pixels are pooled
    over the images, and those labelled IGNORE count nowhere.
    """

    def __init__(self, num_classes: int) -> None:
        self.counts: Int64[np.ndarray, "k 3"] = np.zeros((num_classes, 3), np.int64)

    def add(self, pred: UInt8[np.ndarray, "h w"], labels: UInt8[np.ndarray, "h w"]) -> None:
        """Counts one image."""
        reach = band_width(labels.shape[0], labels.shape[1])
        valid = labels != IGNORE
        for label in np.union1d(labels[valid], pred[valid]):
            truth, found = band(labels == label, reach) & valid, band(pred == label, reach) & valid
            self.counts[label] += (truth & found).sum(), truth.sum(), found.sum()


def band_width(height: int, width: int) -> int:
    """In pixels, at least 1."""
    return max(1, round(WIDTH * math.hypot(height, width)))


def band(inside: Bool[np.ndarray, "h w"], reach: int) -> Bool[np.ndarray, "h w"]:
    """The pixels inside that have one outside, or the border, at most `reach` rows and columns away."""
    outside: Tensor = F.pad(torch.from_numpy(~inside).float()[None, None], (reach,) * 4, value=1.0)
    near = F.max_pool2d(F.max_pool2d(outside, (2 * reach + 1, 1), 1), (1, 2 * reach + 1), 1)[0, 0]
    return np.asarray(inside & (near.numpy() > 0))
