"""Losses of a prediction against labels, pseudo labels or tags.

All logits may have another size than the labels; they are resized to them with aligned corners and computed in at
least float32.

Axes: b images, k classes, f foreground classes (all but the background), h rows, w columns.
"""

import math
from dataclasses import replace

import torch.nn.functional as F
from jaxtyping import Bool, Float, Integer
from torch import Tensor

from seglet.losses.rare_classes import class_weighted_mean
from seglet.tensors import MapSize, at_least_float32, pixel_cross_entropy, resize_labels
from seglet.types import IGNORE, Target


def annotated_pixels(labels: Integer[Tensor, "b _ _"], size: MapSize) -> Bool[Tensor, "b h w"]:
    """Returns the mask of the pixels whose label, resized to `size`, is not IGNORE."""
    return resize_labels(labels, size) != IGNORE


def cross_entropy(logits: Float[Tensor, "b k _ _"], target: Target) -> Float[Tensor, ""]:
    """Computes the weighted cross-entropy in nats, averaged over all annotated pixels of the batch.

    The mean divides by the number of annotated pixels, not by the sum of their weights, so a weight of 2 doubles the
    gradient. A batch without annotated pixels gives 0 and no gradient; the authors' code gives NaN there.

    Source: CIRKD, losses/task.py (resizing and mean); golden task_ce.
    """
    losses = pixel_cross_entropy(logits, target.labels) * target.weight
    return losses.sum() / (target.labels != IGNORE).sum().clamp(min=1)


def hard_pixel_cross_entropy(
    logits: Float[Tensor, "b k _ _"],
    target: Target,
    least: int,
    probability: float = 0.7,
    class_weights: Float[Tensor, " k"] | None = None,
) -> Float[Tensor, ""]:
    """Computes the weighted cross-entropy in nats, averaged over the hard pixels of the batch (OHEM).

    Hard is a pixel whose class is predicted with at most `probability`; if there are fewer than `least`, the `least`
    pixels with the lowest probabilities are. With 0 or as many as there are annotated pixels this is `cross_entropy`.

    Source: Shrivastava et al., CVPR 2016; UniMatch's settings on Cityscapes: 0.7 and 200 000.
    """
    losses, known = pixel_cross_entropy(logits, target.labels), target.labels != IGNORE
    annotated = losses[known].detach()
    if not 0 < least < len(annotated):
        least = 0
    if not least and class_weights is None:
        return cross_entropy(logits, target)
    if not least:
        return class_weighted_mean(losses, target, class_weights)
    easiest = annotated.kthvalue(len(annotated) - least + 1).values.clamp(max=-math.log(probability))
    kept = known & (losses.detach() >= easiest)
    if class_weights is not None:  # they weigh the hard pixels and do not choose them
        hard = replace(target, labels=target.labels.masked_fill(~kept, IGNORE))
        return class_weighted_mean(losses, hard, class_weights)
    return (losses * target.weight)[kept].sum() / kept.sum()


def mask_loss(logits: Float[Tensor, "b k _ _"], target: Target) -> Float[Tensor, " b"]:
    """Computes the weighted cross-entropy of each image in nats, divided by all its pixels, annotated or not.

    An image with few confident pixels thus has a small gradient, unlike with `cross_entropy`. An image
    without annotated pixels gives 0 and no gradient.

    Source: SSSS, balanced_mask_loss_ce with the weights of `seglet.labels.balanced_target`; golden pseudo_gt.
    """
    losses = pixel_cross_entropy(logits, target.labels) * target.weight
    return losses.sum((1, 2)) / max(losses[0].numel() if len(losses) else 1, 1)


def balanced_cross_entropy(logits: Float[Tensor, "b k _ _"], target: Target) -> Float[Tensor, ""]:
    """Computes half the mean cross-entropy of background pixels plus half that of foreground pixels, in nats.

    Background is label 0. Each mean divides by the number of its pixels in the batch, whatever their weight, and is 0
    if there is none, where the authors' code gives NaN.

    Source: AFA and WeCLIP, code, get_seg_loss; golden affinity_loss (seg_loss).
    """
    labels = target.labels
    losses = pixel_cross_entropy(logits, labels) * target.weight
    kinds = (labels == 0, (labels != 0) & (labels != IGNORE))
    background, foreground = ((losses * kind).sum() / kind.sum().clamp(min=1) for kind in kinds)
    return (background + foreground) / 2


def confidence_ratio_cross_entropy(
    logits: Float[Tensor, "b k _ _"],
    labels: Integer[Tensor, "b h w"],
    confidence: Float[Tensor, "b h w"],
    valid: Bool[Tensor, "b h w"],
    threshold: float,
) -> Float[Tensor, ""]:
    """Computes cross-entropy in nats, each image weighted by its share of valid pixels that reach the threshold.

    As in the authors' code, invalid pixels add to the sum, but the mean divides by the valid ones; 0 if there is
    none. For weights of single pixels use `cross_entropy`.

    Source: SemiVL, confidence_weighted_loss, pixelratio; golden conf_ce.
    """
    kept = ((confidence >= threshold) & valid).flatten(1).sum(1)
    share = kept.to(confidence.dtype) / valid.flatten(1).sum(1).clamp(min=1)
    return (_image_sums(logits, labels) * share).sum() / valid.sum().clamp(min=1)


def mean_confidence_cross_entropy(
    logits: Float[Tensor, "b k _ _"],
    labels: Integer[Tensor, "b h w"],
    confidence: Float[Tensor, "b h w"],
    valid: Bool[Tensor, "b h w"],
) -> Float[Tensor, ""]:
    """Computes cross-entropy in nats, the whole batch weighted by the sum of its images' mean confidences.

    It therefore grows with the square of the batch. As in the authors' code, invalid pixels add to the sum, but
    the mean divides by the valid ones; 0 if there is none.

    Source: SemiVL, confidence_weighted_loss, pixelavg; golden conf_ce.
    """
    mean = (confidence * valid).flatten(1).sum(1) / valid.flatten(1).sum(1).clamp(min=1)
    return (_image_sums(logits, labels).sum() * mean).sum() / valid.sum().clamp(min=1)


def _image_sums(logits: Tensor, labels: Tensor) -> Float[Tensor, " b"]:
    return pixel_cross_entropy(logits, labels).flatten(1).sum(1)


def multilabel_soft_margin(scores: Float[Tensor, "b f"], tags: Float[Tensor, "b f"]) -> Float[Tensor, ""]:
    """Computes the binary cross-entropy of class presence in nats, averaged over classes and images; 0 without images.

    Args:
        scores: logits of presence.
        tags: 1 for classes that are present, 0 for others.

    Source: SSSS, the multilabel soft margin loss of torch; golden ssss_head.
    """
    logits, present = at_least_float32(scores), at_least_float32(tags)
    losses = present * F.softplus(-logits) + (1 - present) * F.softplus(logits)
    return losses.sum() / max(losses.numel(), 1)
