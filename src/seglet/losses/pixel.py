"""Losses of a prediction against a `Target`.

Axes: b images, k classes, h rows, w columns.
"""

import torch
from jaxtyping import Bool, Float, Integer
from torch import Tensor

from seglet.tensors import pixel_cross_entropy, resize_labels
from seglet.types import IGNORE, Target


def annotated(labels: Integer[Tensor, "b _ _"], size: torch.Size | tuple[int, int]) -> Bool[Tensor, "b h w"]:
    """Where `resize_labels` that size is not IGNORE."""
    return resize_labels(labels, size) != IGNORE


def cross_entropy(logits: Float[Tensor, "b k _ _"], target: Target) -> Float[Tensor, ""]:
    """Trust-weighted cross-entropy in nats, averaged over every annotated pixel of the batch.

    Logits of another size are resized to the labels. The mean divides by the number of annotated
    pixels, not by the sum of their weights, so a weight of 2 pulls twice as hard. A batch without any
    annotated pixel gives 0 and no gradient; the authors' code gives NaN there.

    Source: CIRKD, losses/task.py (resizing and mean); golden task_ce.
    """
    labels = target.labels.long()
    annotated = labels != IGNORE
    per_pixel = pixel_cross_entropy(logits, labels)
    return (per_pixel * target.weight).sum() / annotated.sum().clamp(min=1)
