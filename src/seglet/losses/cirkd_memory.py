"""CIRKD's memory terms: how pixels resemble pixels and regions of past batches.

Axes: b images, d channels, h rows, w columns, a annotated pixels, n keys.
"""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Integer
from torch import Tensor

from seglet.losses.pixel import precise
from seglet.losses.vectors import full_precision, same_pixels, unit
from seglet.types import IGNORE

ROWS = 1024


class MemoryTerms(NamedTuple):
    """Comparison with remembered pixels, and with remembered regions."""

    pixel: Float[Tensor, ""]
    region: Float[Tensor, ""]


def cirkd_memory(
    student: Float[Tensor, "b d h w"],
    teacher: Float[Tensor, "b d h w"],
    labels: Integer[Tensor, "b _ _"],
    keys: tuple[Float[Tensor, "_ d"], Float[Tensor, "_ d"]],
    temperature: float = 0.1,
    kd_temperature: float = 1.0,
) -> MemoryTerms:
    """KL(teacher ‖ student) of each annotated pixel's similarity to the keys, in nats · kd_temperature², averaged.

    Keys (of pixels, of regions) are unit vectors in the teacher's space, into which the student's map was projected;
    a pixel's similarities to all keys of a kind are one distribution. Labels, resized to the maps (nearest), only say
    which pixels are annotated. No annotated pixel or no key gives 0; the authors' code gives NaN. Neither teacher nor
    keys get a gradient, and the gradient cannot be differentiated again. Memory is linear in the number of keys:
    pixels are compared 1024 at a time.

    Raises:
        ValueError: the maps differ in images or size, or a temperature is not positive.

    Source: Yang et al., CVPR 2022; reduction as in CIRKD, losses/cirkd_memory.py; golden cirkd_memory.
    """
    same_pixels(student, teacher)
    if min(temperature, kd_temperature) <= 0:
        raise ValueError(f"temperatures must be above 0, got {temperature} and {kd_temperature}")
    size = student.shape[-2:]
    annotated = F.interpolate(labels[:, None].float(), size=tuple(size), mode="nearest")[:, 0] != IGNORE
    own, other = (unit(maps).permute(0, 2, 3, 1)[annotated] for maps in (student, teacher.detach()))
    sharpness = 1 / (temperature * kd_temperature)
    with full_precision(student):
        pixel, region = (_resemblance(own, other, precise(vectors).to(own), sharpness) for vectors in keys)
    return MemoryTerms(pixel * kd_temperature**2, region * kd_temperature**2)


def _resemblance(student: Tensor, teacher: Tensor, keys: Tensor, sharpness: float) -> Tensor:
    value: Tensor = _Resemblance.apply(student, teacher, keys.detach(), sharpness)  # type: ignore[no-untyped-call]
    return value


class _Resemblance(torch.autograd.Function):
    """Mean KL of anchors [a, d] and [a, d] against keys [n, d]; the gradient is taken with the value, row by row."""

    @staticmethod
    def forward(ctx: Any, student: Tensor, teacher: Tensor, keys: Tensor, sharpness: float) -> Tensor:
        gradient = torch.zeros_like(student) if ctx.needs_input_grad[0] else None
        total, share = student.new_zeros(()), 1 / max(len(student), 1)
        scaled = keys * sharpness
        for begin in range(0, len(student) if len(keys) else 0, ROWS):
            rows = slice(begin, begin + ROWS)
            log_student = torch.log_softmax(student[rows] @ scaled.T, dim=1)
            log_teacher = torch.log_softmax(teacher[rows] @ scaled.T, dim=1)
            gap = log_teacher - log_student
            likely = log_teacher.exp_()
            total += gap.mul_(likely).sum()
            if gradient is not None:
                torch.mm(log_student.exp_().sub_(likely), scaled, out=gradient[rows])
        if gradient is not None:
            ctx.save_for_backward(gradient.mul_(share))
        return total * share

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, outer: Tensor) -> tuple[Tensor, None, None, None]:
        (gradient,) = ctx.saved_tensors
        return gradient * outer, None, None, None
