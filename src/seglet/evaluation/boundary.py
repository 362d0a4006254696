"""Intersection over union near boundaries, where most pixels of a mask say nothing (Boundary IoU).

Axes: h rows, w columns, k classes.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64, Integer
from torch import Tensor

from seglet.types import IGNORE

SHARE = 0.02
"""How far from a boundary, as a share of the image's diagonal; Cheng et al."""


def boundary_counts(
    pred: Integer[Tensor, "h w"], labels: Integer[Tensor, "h w"], classes: int, share: float = SHARE
) -> Int64[Tensor, "k 3"]:
    """Of each class: pixels of the intersection, the truth and the prediction, each within its own boundary region.

    A pixel is in it if another class or the border of the image is within the `share` of the diagonal, at least one
    pixel, counted in steps to any of eight neighbours. Pixels labelled IGNORE count nowhere and bound nothing.
    `mean_iou` of the sums over images is the score.

    Source: Cheng et al., Boundary IoU, CVPR 2021, for all classes at once.
    """
    width = max(1, round(share * (labels.shape[0] ** 2 + labels.shape[1] ** 2) ** 0.5))
    known = labels != IGNORE
    truth, found = near_boundary(labels, width) & known, near_boundary(pred, width) & known
    counted = (labels[truth & found & (labels == pred)], labels[truth], pred[found])
    return torch.stack([torch.bincount(one.long(), minlength=classes) for one in counted], dim=1)


def near_boundary(labels: Integer[Tensor, "h w"], width: int) -> Bool[Tensor, "h w"]:
    """Pixels with another class, or the image's border, at most `width` steps away; meaningless at IGNORE."""
    own = labels.float()
    void = labels == IGNORE
    highest = _reached(own.masked_fill(void, -1), width, outside=IGNORE)
    lowest = -_reached(-own.masked_fill(void, IGNORE), width, outside=-IGNORE)
    return (highest != own) | (lowest != own)


def _reached(values: Float[Tensor, "h w"], width: int, outside: float) -> Float[Tensor, "h w"]:
    """The largest value within `width` rows and columns; beyond the border there is `outside`."""
    padded = F.pad(values[None, None], (width,) * 4, value=outside)
    rows = F.max_pool2d(padded, (2 * width + 1, 1), 1)
    return F.max_pool2d(rows, (1, 2 * width + 1), 1)[0, 0]
