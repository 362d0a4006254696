"""ViLaDiff's losses: a visual stream that learns from a fused one, and a denoiser of labels.

Eq. 2 is `kl_divergence`, Eq. 10 `cross_entropy`. Axes: b images, k classes, d channels, h rows, w columns.
"""

from collections.abc import Mapping
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from seglet.losses.distillation.shapes import check_same_shape
from seglet.losses.distillation.vectors import unit
from seglet.losses.pixel import cross_entropy
from seglet.tensors import at_least_float32, pixel_cross_entropy
from seglet.types import IGNORE, Target

MU = (1.0, 0.5, 0.5)
"""μ: weights of region, boundary and noise; ViLaDiff Sec. 3.5."""


def feature_distillation(
    student: Float[Tensor, "b d"],
    teacher: Float[Tensor, "b d"],
    direction: float = 0.5,
    distance: Literal["mean", "sum"] = "mean",
) -> Float[Tensor, ""]:
    """Squared distance of two images' global features, and λ = `direction` times their mean 1 - cosine (Eq. 1).

    The paper prints a sum of squares and calls it a mean squared error; a sum over hundreds of channels would swamp
    the rest. A feature of zeros has no direction: its cosine is 0. Give the teacher's without gradient.

    Raises:
        ValueError: the features differ in shape or there are none.

    Source: ViLaDiff Eq. 1, λ from Table 6; golden distill.
    """
    check_same_shape(student, teacher)
    mine, theirs = at_least_float32(student), at_least_float32(teacher)
    squared = F.mse_loss(mine, theirs, reduction=distance)
    cosine = (unit(mine) * unit(theirs)).sum(dim=1)
    return squared + direction * (1 - cosine).mean()


def better(first: Float[Tensor, "b k _ _"], second: Float[Tensor, "b k _ _"], target: Target) -> Bool[Tensor, " b"]:
    """For which images the first logits have the lower cross-entropy; nowhere where nothing is annotated.

    The gate of "when the fusion stream performs better", which the paper leaves open (Sec. 3.3); ours.
    """
    return image_cross_entropy(first, target) < image_cross_entropy(second, target)


def image_cross_entropy(logits: Float[Tensor, "b k _ _"], target: Target) -> Float[Tensor, " b"]:
    """`cross_entropy` of each image alone, in nats; 0 for one without annotated pixels."""
    labels = target.labels.long()
    per_pixel = pixel_cross_entropy(logits, labels) * target.weight
    return per_pixel.flatten(1).sum(1) / (labels != IGNORE).flatten(1).sum(1).clamp(min=1)


def edge_cross_entropy(
    logits: Float[Tensor, "b k _ _"], target: Target, edges: Bool[Tensor, "b h w"]
) -> Float[Tensor, ""]:
    """`cross_entropy` over the edge pixels alone, in nats; 0 if there is none (L_edge of Eq. 13)."""
    return cross_entropy(logits, Target(target.labels.masked_fill(~edges, IGNORE), target.weight))


def noise_error(
    found: Float[Tensor, "b d h w"], noise: Float[Tensor, "b d h w"], where: Bool[Tensor, "b h w"]
) -> Float[Tensor, ""]:
    """Mean square of what is wrong with the noise found, over the pixels that got some; 0 if none did (Eq. 4)."""
    squared = (at_least_float32(found) - at_least_float32(noise)).square() * where[:, None]
    return squared.sum() / (where.sum() * noise.shape[1]).clamp(min=1)


def diffusion_loss(terms: Mapping[str, Float[Tensor, ""]], weights: tuple[float, float, float] = MU) -> Tensor:
    """μ · L_diff of the terms `region`, `edge` and `noise` (Eq. 11 and 13)."""
    region, edge, noise = weights
    return region * terms["region"] + edge * terms["edge"] + noise * terms["noise"]


def stream_loss(visual: Float[Tensor, "b k _ _"], fused: Float[Tensor, "b k _ _"] | None, target: Target) -> Tensor:
    """The mean cross-entropy of both streams, as both need labels; of the visual one where there is no text (Eq. 10).

    The paper does not say which stream learns from masks; ours.
    """
    seen = [logits for logits in (visual, fused) if logits is not None]
    return torch.stack([cross_entropy(logits, target) for logits in seen]).mean()
