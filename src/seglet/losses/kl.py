"""Distillation of class probabilities, pixel by pixel.

Axes: b images, k classes, h rows, w columns.
"""

import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from seglet.losses.pixel import precise


def kl_divergence(
    student: Float[Tensor, "b k h w"],
    teacher: Float[Tensor, "b k h w"],
    temperature: float = 1.0,
    weight: Float[Tensor, "#b #k #h #w"] | None = None,
    counted: Bool[Tensor, "b h w"] | None = None,
) -> Float[Tensor, ""]:
    """KL(teacher ‖ student) of the class probabilities of two logit maps, in nats, averaged over pixels.

    Multiplied by temperature², so that its gradient does not fade as the temperature rises. Pixels where
    `counted` is false neither add nor are divided by; without it all count, annotated or not. Give the
    teacher's logits without gradient.

    A `weight` multiplies each summand. If it differs between the classes of a pixel the value is no
    divergence any more: it can be negative, and is least where q_S ∝ weight · q_T. It is returned as it is.

    Raises:
        ValueError: `temperature` is not positive.

    Source: FOTF Eq. 1-3; temperature and mean over b·h·w as in CIRKD, losses/kd.py; golden kl_pixel.
    """
    if temperature <= 0:
        raise ValueError(f"temperature must be above 0, got {temperature}; 1 leaves the probabilities as they are")
    log_student = F.log_softmax(precise(student) / temperature, dim=1)
    log_teacher = F.log_softmax(precise(teacher) / temperature, dim=1)
    summands = F.kl_div(log_student, log_teacher, reduction="none", log_target=True)  # Eq. 2: q_T · log(q_T / q_S)
    if weight is not None:
        summands = weight * summands  # Eq. 3
    if counted is None:
        return summands.sum() / (student.numel() / student.shape[1]) * temperature**2
    kept = (summands.sum(dim=1) * counted).sum()
    return kept / counted.sum().clamp(min=1) * temperature**2
