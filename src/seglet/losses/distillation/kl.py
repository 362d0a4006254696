"""Distillation of class probabilities, pixel by pixel.

Axes: b images, k classes, h rows, w columns.
"""

import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from seglet.losses.distillation.feature_maps import check_same_shape, check_temperature
from seglet.tensors import at_least_float32


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
    check_same_shape(student, teacher)
    check_temperature(temperature)
    log_student = F.log_softmax(at_least_float32(student) / temperature, dim=1)
    log_teacher = F.log_softmax(at_least_float32(teacher) / temperature, dim=1)
    summands = F.kl_div(log_student, log_teacher, reduction="none", log_target=True)  # Eq. 2: q_T · log(q_T / q_S)
    return _mean_over_pixels(summands, weight, counted) * temperature**2


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
