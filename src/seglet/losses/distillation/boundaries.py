"""Weights of pixels that are larger near the boundaries between classes.

Axes: b images, k classes, h rows, w columns.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Integer
from torch import Tensor

from seglet.tensors import resize_labels
from seglet.types import IGNORE


def boundary_labels(labels: Integer[Tensor, "b _ _"], teacher: Float[Tensor, "b k h w"]) -> Integer[Tensor, "b h w"]:
    """Returns the labels at the size of the teacher's map; its own classes for images without any annotated pixel."""
    bare = (labels == IGNORE).flatten(1).all(dim=1)[:, None, None]
    return torch.where(bare, teacher.argmax(dim=1), resize_labels(labels, teacher.shape[-2:]))


def boundary_weights(
    labels: Integer[Tensor, "b h w"], radius: int, factor: float, counted: Bool[Tensor, "b h w"] | None = None
) -> Float[Tensor, "b 1 h w"]:
    """Computes the weight of each pixel: `factor` near boundaries and 1 elsewhere, divided by their mean.

    A pixel is near if two classes are found among the pixels at most `radius` rows and columns away. IGNORE is no
    class, so the edge of a region without annotation is no boundary. The mean is over all images, and over the pixels
    where `counted` is true, if it is given.

    Raises:
        ValueError: `radius` is below 1 or `factor` is not positive.
    """
    if radius < 1 or factor <= 0:
        raise ValueError(f"expected a radius of 1 pixel or more and a factor above 0, got {radius} and {factor}")
    ids = labels[:, None].float()
    void = ids == IGNORE
    highest = _largest_near(ids.masked_fill(void, -torch.inf), radius)
    lowest = -_largest_near((-ids).masked_fill(void, -torch.inf), radius)
    weights = torch.where(highest > lowest, factor, 1.0).to(ids)
    chosen = weights if counted is None else weights[counted[:, None]]
    return weights / chosen.mean() if chosen.numel() else weights


def _largest_near(maps: Float[Tensor, "b 1 h w"], radius: int) -> Float[Tensor, "b 1 h w"]:
    return F.max_pool2d(maps, 2 * radius + 1, stride=1, padding=radius)
