"""Losses of a prediction against a `Target`.

Axes: b images, k classes, h rows, w columns.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Integer
from torch import Tensor

from seglet.types import IGNORE, Target


def resize(values: Float[Tensor, "b c _ _"], size: torch.Size | tuple[int, int]) -> Float[Tensor, "b c h w"]:
    """The map at `size` (h, w), bilinear with corner pixels on corner pixels, as CIRKD trains and evaluates."""
    if values.shape[-2:] == size:
        return values
    return F.interpolate(values, size=size, mode="bilinear", align_corners=True)


def labels_at(labels: Integer[Tensor, "b _ _"], size: torch.Size | tuple[int, int]) -> Integer[Tensor, "b h w"]:
    """The labels at `size` (h, w), each from the pixel at or before its place, as CIRKD and IFVD shrink them."""
    if labels.shape[-2:] == size:
        return labels
    return F.interpolate(labels[:, None].float(), size=size, mode="nearest")[:, 0].to(labels.dtype)


def annotated(labels: Integer[Tensor, "b _ _"], size: torch.Size | tuple[int, int]) -> Bool[Tensor, "b h w"]:
    """Where `labels_at` that size is not IGNORE."""
    return labels_at(labels, size) != IGNORE


def precise(values: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """At least float32: what a network computes in half precision is still summed over a million pixels."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def cross_entropy(logits: Float[Tensor, "b k _ _"], target: Target) -> Float[Tensor, ""]:
    """Trust-weighted cross-entropy in nats, averaged over every annotated pixel of the batch.

    Logits of another size are resized to the labels. The mean divides by the number of annotated
    pixels, not by the sum of their weights, so a weight of 2 pulls twice as hard. A batch without any
    annotated pixel gives 0 and no gradient; the authors' code gives NaN there.

    Source: CIRKD, losses/task.py (resizing and mean); golden task_ce.
    """
    labels = target.labels.long()
    annotated = labels != IGNORE
    enlarged = resize(precise(logits), labels.shape[-2:])
    per_pixel = F.cross_entropy(enlarged, labels, ignore_index=IGNORE, reduction="none")
    return (per_pixel * target.weight).sum() / annotated.sum().clamp(min=1)
