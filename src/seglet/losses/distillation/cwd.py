"""Distillation of the spatial distribution of each channel (channel-wise distillation, CWD).

Axes: b images, c channels, h rows, w columns.
"""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from seglet.losses.distillation.feature_maps import check_same_shape, check_temperature
from seglet.tensors import at_least_float32


def channel_divergence(
    student: Float[Tensor, "b c h w"],
    teacher: Float[Tensor, "b c h w"],
    temperature: float = 4.0,
    channels: int | None = None,
) -> Float[Tensor, ""]:
    """Computes KL(teacher ‖ student) of the distribution of each channel over the image, in nats, averaged over b·c.

    Softmax over positions makes a channel a distribution, so only *where* it fires matters, not how strongly.
    Multiplied by temperature². Works on features and on logits. Pass the teacher's map detached.

    `channels` replaces c in the mean: CIRKD divides by the channels the student had *before* its adaptor.

    Raises:
        ValueError: the maps differ in shape or are empty; `temperature` or `channels` is not positive.

    Source: Shu et al., ICCV 2021, Eq. 3-5; CIRKD, losses/cwd.py, which takes the logarithm after softmax and so
        becomes infinite where |feature| / temperature exceeds about 100; golden cwd.
    """
    check_same_shape(student, teacher)
    check_temperature(temperature)
    if channels is not None and channels <= 0:
        raise ValueError(f"channels must be above 0, got {channels}; None takes those of the map")
    log_student = F.log_softmax(at_least_float32(student).flatten(2) / temperature, dim=2)
    log_teacher = F.log_softmax(at_least_float32(teacher).flatten(2) / temperature, dim=2)
    divergence = F.kl_div(log_student, log_teacher, reduction="sum", log_target=True)
    return divergence / (len(student) * (channels or student.shape[1])) * temperature**2
