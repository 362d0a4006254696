"""The boundary loss: probabilities multiplied by their signed distance from the border of each class.

Axes: b images, k classes, n maps, h rows, w columns.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Integer
from torch import Tensor

from seglet.tensors import at_least_float32, resize_align_corners
from seglet.types import IGNORE, Target


def boundary_loss(logits: Float[Tensor, "b k _ _"], target: Target, radius: int = 10) -> Float[Tensor, ""]:
    """Computes Σ pφ over the classes, averaged over annotated pixels; φ is that of `signed_distances`, over `radius`.

    It is negative where most pixels are right, and at least -1. Its gradient is small near borders and largest for a
    region far off, which the other losses do not distinguish; use it beside one of them, with a small weight. Without
    an annotated pixel it is 0 and has a gradient of 0.

    Source: Kervadec et al., MIDL 2019, Eq. 5; the bound on distances is ours.
    """
    resized = resize_align_corners(at_least_float32(logits), target.labels.shape[-2:])
    distances = signed_distances(target.labels, logits.shape[1], radius).to(resized) / radius
    known = target.labels != IGNORE
    moved = (resized.softmax(dim=1) * distances).sum(1) * target.weight
    return moved.masked_fill(~known, 0).sum() / known.sum().clamp(min=1)


@torch.no_grad()
def signed_distances(labels: Integer[Tensor, "b h w"], classes: int, radius: int) -> Float[Tensor, "b k h w"]:
    """Returns the distance of each pixel from each class, in pixels and at most `radius`.

    Inside a class it is negative: one less than the distance from the nearest annotated pixel of another, so that
    pixels at its border have 0. It is 0 for a class that the image does not show, at void pixels, and in images of a
    single class. Void is neither inside nor outside: there is no border between a class and void.
    """
    known = labels != IGNORE
    shown = F.one_hot(labels.masked_fill(~known, 0).long(), classes).movedim(3, 1).bool() & known[:, None]
    distances = capped_distances(shown.flatten(0, 1), radius).reshape(shown.shape)
    others = distances.masked_fill(shown, float(radius)).amin(1, keepdim=True)
    present = shown.flatten(2).any(2)
    counted = present & (present.sum(1, keepdim=True) > 1)
    return torch.where(shown, 1 - others, distances) * (counted[:, :, None, None] & known[:, None])


def capped_distances(found: Bool[Tensor, "n h w"], radius: int) -> Float[Tensor, "n h w"]:
    """Returns the Euclidean distance of each pixel from the nearest one that is found, at most `radius`, exactly."""
    height = found.shape[1]
    rows = torch.arange(height, device=found.device, dtype=torch.float32)[None, :, None]
    above = torch.where(found, rows, -float(radius)).cummax(1).values
    below = torch.where(found, rows, float(height + radius)).flip(1).cummin(1).values.flip(1)
    squares = torch.minimum(rows - above, below - rows).clamp(max=radius) ** 2
    padded = F.pad(squares, (radius, radius), value=float(radius) ** 2)
    nearest = squares
    for offset in range(-radius, radius + 1):
        shifted = padded[:, :, radius + offset : radius + offset + squares.shape[2]]
        nearest = torch.minimum(nearest, shifted + offset**2)
    return nearest.clamp(max=float(radius) ** 2).sqrt()
