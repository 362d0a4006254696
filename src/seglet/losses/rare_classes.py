"""Losses of single pixels for classes of very different sizes: class weights, label smoothing, the focal loss.

Axes: b images, k classes, h rows, w columns.
"""

import torch
from jaxtyping import Float, Integer
from torch import Tensor

from seglet.tensors import at_least_float32, pixel_cross_entropy, resize_align_corners
from seglet.types import IGNORE, Target


def median_frequency_weights(pixels: Float[Tensor, " k"], shown: Float[Tensor, " k"]) -> Float[Tensor, " k"]:
    """Computes the median frequency of the classes divided by that of each class; 1 for a class without pixels.

    Args:
        pixels: number of pixels of each class.
        shown: number of annotated pixels in the images that show the class.

    Source: Eigen and Fergus, ICCV 2015, Sec. 4.3; SegNet's settings on CamVid.
    """
    present = pixels > 0
    frequency = pixels[present] / shown[present]
    weights = torch.ones_like(pixels)
    if len(frequency):
        weights[present] = frequency.quantile(0.5) / frequency
    return weights


def pixel_class_weights(labels: Integer[Tensor, "b h w"], weights: Float[Tensor, " k"]) -> Float[Tensor, "b h w"]:
    """Returns the weight of each pixel's class; 0 where the label is IGNORE."""
    known = labels != IGNORE
    return weights[labels.masked_fill(~known, 0).long()] * known


def class_weighted_mean(
    losses: Float[Tensor, "b h w"], target: Target, class_weights: Float[Tensor, " k"] | None = None
) -> Float[Tensor, ""]:
    """Computes the mean of the losses of annotated pixels, multiplied by the weights of the target and of the classes.

    It divides by the sum of the class weights of these pixels, as torch does, so class weights move the loss between
    classes and do not raise it. Without an annotated pixel it is 0 and has a gradient of 0.
    """
    known = (target.labels != IGNORE).to(losses.dtype)
    share = known if class_weights is None else pixel_class_weights(target.labels, class_weights.to(losses))
    total = share.sum()
    return (losses * target.weight * share).sum() / torch.where(total > 0, total, torch.ones_like(total))


def smoothed_cross_entropy(
    logits: Float[Tensor, "b k _ _"],
    target: Target,
    smoothing: float = 0.0,
    class_weights: Float[Tensor, " k"] | None = None,
) -> Float[Tensor, ""]:
    """Computes the cross-entropy in nats with a share `smoothing` of each label spread evenly over all classes.

    Class weights are those of a pixel's label; with them the mean is that of `class_weighted_mean`.

    Source: Szegedy et al., CVPR 2016, Sec. 7 (label-smoothing regularisation).
    """
    losses = pixel_cross_entropy(logits, target.labels)
    if smoothing:
        resized = resize_align_corners(at_least_float32(logits), target.labels.shape[-2:])
        losses = torch.lerp(losses, -resized.log_softmax(dim=1).mean(dim=1), smoothing)
    return class_weighted_mean(losses, target, class_weights)


def focal_loss(
    logits: Float[Tensor, "b k _ _"],
    target: Target,
    gamma: float = 2.0,
    class_weights: Float[Tensor, " k"] | None = None,
) -> Float[Tensor, ""]:
    """Computes the cross-entropy in nats, each pixel multiplied by (1 - p)^γ, where p is the probability of its label.

    With γ = 0 it is the cross-entropy.

    Source: Lin et al., ICCV 2017, Eq. 4, with the softmax of all classes; its α are the class weights.
    """
    losses = pixel_cross_entropy(logits, target.labels)
    if gamma:
        missed = -torch.expm1(-losses)  # 1 - p, exact also where p is near 1
        losses = missed.clamp_min(1e-12).pow(gamma) * losses  # a root of 0 has no gradient
    return class_weighted_mean(losses, target, class_weights)
