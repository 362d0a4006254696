"""ViLaDiff's losses: the visual stream learns from the fused stream, and a denoiser learns to restore labels.

Eq. 2 is `kl_divergence`, Eq. 10 `cross_entropy`. Axes: b images, k classes, d channels, h rows, w columns.
"""

from collections.abc import Mapping
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from seglet.losses.distillation.feature_maps import check_same_shape, unit_vectors
from seglet.losses.task import cross_entropy
from seglet.tensors import at_least_float32, pixel_cross_entropy
from seglet.types import IGNORE, Target

DIFFUSION_WEIGHTS = (1.0, 0.5, 0.5)
"""μ, the weights of the terms region, edge and noise of the diffusion loss; ViLaDiff Sec. 3.5."""


def feature_distillation(
    student: Float[Tensor, "b d"],
    teacher: Float[Tensor, "b d"],
    direction: float = 0.5,
    distance: Literal["mean", "sum"] = "mean",
) -> Float[Tensor, ""]:
    """Computes the squared distance of global image features plus `direction` (λ) times their mean 1 - cosine (Eq. 1).

    The paper prints a sum of squares and calls it a mean squared error; a sum over hundreds of channels would
    dominate the rest. A feature of zeros has no direction: its cosine is 0. Pass the teacher's features detached.

    Raises:
        ValueError: the features differ in shape or there are none.

    Source: ViLaDiff Eq. 1, λ from Table 6; golden distill.
    """
    check_same_shape(student, teacher)
    mine, theirs = at_least_float32(student), at_least_float32(teacher)
    squared = F.mse_loss(mine, theirs, reduction=distance)
    cosine = (unit_vectors(mine) * unit_vectors(theirs)).sum(dim=1)
    return squared + direction * (1 - cosine).mean()


def lower_cross_entropy(
    first: Float[Tensor, "b k _ _"], second: Float[Tensor, "b k _ _"], target: Target
) -> Bool[Tensor, " b"]:
    """Returns True for images whose first logits have the lower cross-entropy; False without annotated pixels.

    The gate of "when the fusion stream performs better", which the paper leaves open (Sec. 3.3); ours.
    """
    return image_cross_entropy(first, target) < image_cross_entropy(second, target)


def image_cross_entropy(logits: Float[Tensor, "b k _ _"], target: Target) -> Float[Tensor, " b"]:
    """Computes `cross_entropy` of each image alone, in nats; 0 for an image without annotated pixels."""
    losses = pixel_cross_entropy(logits, target.labels) * target.weight
    return losses.flatten(1).sum(1) / (target.labels != IGNORE).flatten(1).sum(1).clamp(min=1)


def edge_cross_entropy(
    logits: Float[Tensor, "b k _ _"], target: Target, edges: Bool[Tensor, "b h w"]
) -> Float[Tensor, ""]:
    """Computes `cross_entropy` over the edge pixels alone, in nats; 0 if there is none (L_edge of Eq. 13)."""
    return cross_entropy(logits, Target(target.labels.masked_fill(~edges, IGNORE), target.weight))


def noise_loss(
    predicted: Float[Tensor, "b d h w"], noise: Float[Tensor, "b d h w"], where: Bool[Tensor, "b h w"]
) -> Float[Tensor, ""]:
    """Computes the mean squared error of the predicted noise over the pixels `where`; 0 if there is none (Eq. 4)."""
    squared = (at_least_float32(predicted) - at_least_float32(noise)).square() * where[:, None]
    return squared.sum() / (where.sum() * noise.shape[1]).clamp(min=1)


def diffusion_loss(
    terms: Mapping[str, Float[Tensor, ""]], weights: tuple[float, float, float] = DIFFUSION_WEIGHTS
) -> Tensor:
    """Computes the weighted sum of the terms `region`, `edge` and `noise`, μ · L_diff (Eq. 11 and 13)."""
    region, edge, noise = weights
    return region * terms["region"] + edge * terms["edge"] + noise * terms["noise"]


def stream_loss(visual: Float[Tensor, "b k _ _"], fused: Float[Tensor, "b k _ _"] | None, target: Target) -> Tensor:
    """Computes the mean cross-entropy of both streams, or of the visual stream where there is no text (Eq. 10).

    The paper does not say which stream learns from masks; that both do is our reading.
    """
    streams = [logits for logits in (visual, fused) if logits is not None]
    return torch.stack([cross_entropy(logits, target) for logits in streams]).mean()
