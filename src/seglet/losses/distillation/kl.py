"""Distillation of class probabilities, pixel by pixel.

Axes: b images, k classes, h rows, w columns.
"""

from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from seglet.losses.distillation.feature_maps import check_same_shape, check_temperature
from seglet.tensors import at_least_float32

WeightedForm = Literal["eq3", "generalised"]
"""Form of a divergence whose summands are weighted: FOTF's Eq. 3, or the generalised divergence."""


def kl_divergence(
    student: Float[Tensor, "b k h w"],
    teacher: Float[Tensor, "b k h w"],
    temperature: float = 1.0,
    weight: Float[Tensor, "#b #k #h #w"] | None = None,
    counted: Bool[Tensor, "b h w"] | None = None,
) -> Float[Tensor, ""]:
    """Computes KL(teacher ‖ student) of the class probabilities of two logit maps, in nats, averaged over pixels.

    Multiplied by temperature², so that its gradient does not fade as the temperature rises. Pixels where
    `counted` is false take no part in the mean; without it all do, annotated or not. Pass the teacher's logits
    detached.

    A `weight` multiplies each summand. If it differs between the classes of a pixel the value is no
    divergence any more: it can be negative, and is least where q_S ∝ weight · q_T. It is returned as it is.

    Raises:
        ValueError: the maps differ in shape or are empty; `temperature` is not positive.

    Source: FOTF Eq. 1-3; temperature and mean over b·h·w as in CIRKD, losses/kd.py; golden kl_pixel.
    """
    log_student, log_teacher = _log_probabilities(student, teacher, temperature)
    summands = F.kl_div(log_student, log_teacher, reduction="none", log_target=True)  # Eq. 2: q_T · log(q_T / q_S)
    return _mean_over_pixels(summands, weight, counted) * temperature**2


def generalised_kl_divergence(
    student: Float[Tensor, "b k h w"],
    teacher: Float[Tensor, "b k h w"],
    temperature: float = 1.0,
    weight: Float[Tensor, "#b #k #h #w"] | None = None,
    counted: Bool[Tensor, "b h w"] | None = None,
) -> Float[Tensor, ""]:
    """Computes the mean over pixels of Σ w·(q_T·log(q_T / q_S) - q_T + q_S), in nats; otherwise as `kl_divergence`.

    No summand is negative, and all are 0 where the student equals the teacher, so with any weights of the classes it
    stays a divergence that is least there. Weights that are equal within a pixel give `kl_divergence`.

    Raises:
        ValueError: see `kl_divergence`.

    Source: the Bregman divergence of q·log q, also called generalised Kullback-Leibler divergence.
    """
    log_student, log_teacher = _log_probabilities(student, teacher, temperature)
    divergence = F.kl_div(log_student, log_teacher, reduction="none", log_target=True)
    summands = divergence - log_teacher.exp() + log_student.exp()
    return _mean_over_pixels(summands, weight, counted) * temperature**2


def _log_probabilities(student: Tensor, teacher: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    check_same_shape(student, teacher)
    check_temperature(temperature)
    return (
        F.log_softmax(at_least_float32(student) / temperature, dim=1),
        F.log_softmax(at_least_float32(teacher) / temperature, dim=1),
    )


def target_tilt(
    teacher: Float[Tensor, "b k h w"], weight: Float[Tensor, "#b #k #h #w"], temperature: float = 1.0
) -> Float[Tensor, ""]:
    """Computes the share of pixels where the most probable class of w·q_T is not the teacher's, in [0, 1].

    The gradient of Eq. 3 by the student's logits is W·(q_S - q̃) with W = Σ w·q_T and q̃ = w·q_T / W: the student learns
    q̃, and where this share is large, other classes than the teacher's.
    """
    log_teacher = F.log_softmax(at_least_float32(teacher) / temperature, dim=1)
    return ((log_teacher + weight.log()).argmax(dim=1) != log_teacher.argmax(dim=1)).to(log_teacher.dtype).mean()


def effective_weights(
    teacher: Float[Tensor, "b k h w"], weight: Float[Tensor, "#b #k #h #w"], temperature: float = 1.0
) -> tuple[Float[Tensor, ""], Float[Tensor, " k"]]:
    """Computes the mean over pixels of W = Σ w·q_T, and the mean weight of each class, by the teacher's belief in it.

    By the gradient at `target_tilt`, plain distillation with λ = W pulls as much as the weighted one; the weight of a
    class is Σᵢ q_T·w / Σᵢ q_T.
    """
    target = F.softmax(at_least_float32(teacher) / temperature, dim=1)
    pull, belief = (target * weight).mean((0, 2, 3)), target.mean((0, 2, 3))
    return pull.sum(), pull / belief.clamp_min(torch.finfo(target.dtype).tiny)


def elementwise_kl_divergence(
    student: Float[Tensor, "b k h w"],
    teacher: Float[Tensor, "b k h w"],
    temperature: float = 1.0,
    weight: Float[Tensor, "#b #k #h #w"] | None = None,
    counted: Bool[Tensor, "b h w"] | None = None,
) -> Float[Tensor, ""]:
    """Computes `kl_divergence` as IFVD's code averages it: over b·k·h·w and without temperature², so k·T² times less.

    Source: IFVD, utils/criterion.py; golden kl_pixel, loss_ifvd_kd.
    """
    return kl_divergence(student, teacher, temperature, weight, counted) / (student.shape[1] * temperature**2)


def soft_cross_entropy(
    student: Float[Tensor, "b k h w"],
    teacher: Float[Tensor, "b k h w"],
    weight: Float[Tensor, "#b #k #h #w"] | None = None,
    counted: Bool[Tensor, "b h w"] | None = None,
) -> Float[Tensor, ""]:
    """Computes -Σ q_T · log q_S as SKD's code does: averaged over pixels and *summed* over images, in nats.

    Its gradient is b times that of `kl_divergence`; where both agree it is b times the teacher's entropy, not 0.

    Source: structure_knowledge_distillation, utils/criterion.py; golden kl_pixel, loss_skd_pi.
    """
    check_same_shape(student, teacher)
    summands = -F.log_softmax(at_least_float32(student), dim=1) * F.softmax(at_least_float32(teacher), dim=1)
    return _mean_over_pixels(summands, weight, counted) * len(student)


def _mean_over_pixels(summands: Tensor, weight: Tensor | None, counted: Tensor | None) -> Tensor:
    if weight is not None:
        summands = weight * summands  # Eq. 3
    if counted is None:
        return summands.sum() / (summands.numel() / summands.shape[1])
    return (summands.sum(dim=1) * counted).sum() / counted.sum().clamp(min=1)
