"""Distillation of the correlations between and within classes (DIST).

Axes: b images or samples, k classes; positions are h rows and w columns, or none where whole images are classified;
n = b·h·w pixels of the whole batch.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from seglet.losses.distillation.feature_maps import check_same_shape, check_temperature
from seglet.tensors import at_least_float32


def correlation_loss(
    student: Float[Tensor, "b k *positions"],
    teacher: Float[Tensor, "b k *positions"],
    temperature: float = 1.0,
    beta: float = 1.0,
    gamma: float = 1.0,
    counted: Bool[Tensor, "b *positions"] | None = None,
    weight: Float[Tensor, "b 1 *#positions"] | None = None,
) -> Float[Tensor, ""]:
    """Computes `beta` × `between_classes` + `gamma` × `within_classes` of the probabilities of two logit maps.

    Multiplied by temperature². The authors' segmentation code is the case of temperature 1; with a temperature
    and logits of shape (b, k) this is their loss for classification. Pixels where `counted` is false take no part in
    any correlation; without others the loss is 0. `weight` says how often a pixel counts. Pass the teacher's logits
    detached.

    Raises:
        ValueError: the maps differ in shape or are empty; `temperature` is not positive.

    Source: Huang et al., NeurIPS 2022, Eq. 9-11; DIST_KD, segmentation/losses/dist_kd.py; golden dist.
    """
    check_same_shape(student, teacher)
    check_temperature(temperature)
    chosen = slice(None) if counted is None else counted.flatten()
    rows = (class_rows(at_least_float32(logits))[:, chosen] for logits in (student, teacher))
    own, other = ((each / temperature).softmax(dim=0) for each in rows)
    if not own.numel():
        return own.sum()
    often = None
    if weight is not None:
        often = weight.to(own).expand(-1, -1, *student.shape[2:]).flatten()[chosen]
    return temperature**2 * (beta * between_classes(own, other, often) + gamma * within_classes(own, other, often))


def class_rows(maps: Float[Tensor, "b k *positions"]) -> Float[Tensor, "k n"]:
    """Returns the maps with all pixels of the batch in one row per class."""
    return maps.transpose(0, 1).flatten(1)


def between_classes(
    student: Float[Tensor, "k n"], teacher: Float[Tensor, "k n"], weight: Float[Tensor, " n"] | None = None
) -> Float[Tensor, ""]:
    """Computes 1 - Pearson correlation over the classes of a pixel, averaged over pixels; in [0, 2].

    A pixel whose classes are all equally likely correlates with nothing and adds 1. With `weight` w it is the mean of
    w · (1 - correlation).
    """
    found = _pearson(student, teacher, 0)
    return 1 - found.mean() if weight is None else weight.mean() - (weight * found).mean()  # Eq. 9


def within_classes(
    student: Float[Tensor, "k n"], teacher: Float[Tensor, "k n"], weight: Float[Tensor, " n"] | None = None
) -> Float[Tensor, ""]:
    """Computes 1 - Pearson correlation of a class over all pixels of the batch, averaged over classes; in [0, 2].

    A class equally likely everywhere, such as any class of a single pixel, correlates with nothing and adds 1. With
    `weight` w a pixel counts w times in means, variances and covariance, and the value is multiplied by the mean of w.
    """
    if weight is None:
        return 1 - _pearson(student, teacher, 1).mean()  # Eq. 10
    mean = weight.mean()
    a, b = (each - (weight * each).mean(1, keepdim=True) / mean for each in (student, teacher))
    root = weight.sqrt()
    return mean * (1 - _cosine(root * a, root * b, 1).mean())


def _pearson(a: Float[Tensor, "k n"], b: Float[Tensor, "k n"], axis: int) -> Float[Tensor, " others"]:
    """Computes the correlation along an axis; 0 where one of the two does not vary."""
    return _cosine(a - a.mean(axis, keepdim=True), b - b.mean(axis, keepdim=True), axis)


def _cosine(a: Float[Tensor, "k n"], b: Float[Tensor, "k n"], axis: int) -> Float[Tensor, " others"]:
    return (a * b).sum(axis) / (_length(a, axis) * _length(b, axis) + 1e-8)


def _length(a: Float[Tensor, "k n"], axis: int) -> Float[Tensor, " others"]:
    """Computes the Euclidean norm in half the time of `vector_norm`; the clamp keeps its gradient at 0 finite."""
    return a.square().sum(axis).clamp_min(torch.finfo(a.dtype).tiny).sqrt()
