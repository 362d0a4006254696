"""Distillation of the spatial distribution of each channel (channel-wise distillation, CWD).

Axes: b images, c channels, h rows, w columns.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from seglet.losses.distillation.feature_maps import check_same_shape, check_temperature
from seglet.tensors import at_least_float32


def channel_divergence(
    student: Float[Tensor, "b c h w"],
    teacher: Float[Tensor, "b c h w"],
    temperature: float = 4.0,
    channels: int | None = None,
    counted: Bool[Tensor, "b h w"] | None = None,
    weight: Float[Tensor, "b #c #h #w"] | None = None,
) -> Float[Tensor, ""]:
    """Computes KL(teacher ‖ student) of the distribution of each channel over the image, in nats, averaged over b·c.

    Softmax over positions makes a channel a distribution, so only *where* it fires matters, not how strongly.
    Multiplied by temperature². Works on features and on logits. Pass the teacher's map detached.

    `channels` replaces c in the mean: CIRKD divides by the channels the student had *before* its adaptor. Positions
    where `counted` is false are left out of both distributions, and images without any other out of the mean.

    A `weight` multiplies each summand of Σ (p_T·log(p_T / p_S) - p_T + p_S), which is the divergence, as the added
    terms sum to 0. With any weights it is at least 0, and 0 where student and teacher agree.

    Raises:
        ValueError: the maps differ in shape or are empty; `temperature` or `channels` is not positive.

    Source: Shu et al., ICCV 2021, Eq. 3-5; CIRKD, losses/cwd.py, which takes the logarithm after softmax and so
        becomes infinite where |feature| / temperature exceeds about 100; golden cwd.
    """
    check_same_shape(student, teacher)
    check_temperature(temperature)
    if channels is not None and channels <= 0:
        raise ValueError(f"channels must be above 0, got {channels}; None takes those of the map")
    log_student, log_teacher = (_log_shares(maps, temperature, counted) for maps in (student, teacher))
    if weight is None:
        divergence = F.kl_div(log_student, log_teacher, reduction="sum", log_target=True)
    else:
        summands = F.kl_div(log_student, log_teacher, reduction="none", log_target=True)
        spread = weight.expand(-1, -1, *student.shape[-2:]).flatten(2)
        divergence = (spread * summands + (spread - 1) * (log_student.exp() - log_teacher.exp())).sum()
    images = len(student) if counted is None else counted.flatten(1).any(dim=1).sum().clamp(min=1)
    return divergence / (images * (channels or student.shape[1])) * temperature**2


def _log_shares(maps: Tensor, temperature: float, counted: Tensor | None) -> Float[Tensor, "b c n"]:
    """Returns the logarithms of each channel's distribution; equal ones for an image without counted positions."""
    scaled = at_least_float32(maps).flatten(2) / temperature
    if counted is not None:  # not -inf, which has no divergence
        scaled = scaled.masked_fill(~counted.flatten(1)[:, None], torch.finfo(scaled.dtype).min)
    return F.log_softmax(scaled, dim=2)
