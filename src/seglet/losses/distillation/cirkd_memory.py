"""Memory losses of CIRKD: similarities of pixels to remembered pixels and regions of past batches.

Axes: b images, d channels, h rows, w columns, a annotated pixels, n keys.
"""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Integer
from torch import Tensor

from seglet.losses.distillation.feature_maps import check_same_pixels, full_precision, vector_lengths, whole_cache_lines
from seglet.tensors import at_least_float32, resize_labels
from seglet.types import IGNORE

_ROWS = 512
"""Number of pixels compared at once: their similarities to CIRKD's 4104 keys then fit a processor's cache."""


class MemoryTerms(NamedTuple):
    """Loss against remembered pixels and loss against remembered regions."""

    pixel: Float[Tensor, ""]
    region: Float[Tensor, ""]


def cirkd_memory_loss(
    student: Float[Tensor, "b d h w"],
    teacher: Float[Tensor, "b d h w"],
    labels: Integer[Tensor, "b _ _"],
    keys: tuple[Float[Tensor, "_ d"], Float[Tensor, "_ d"]],
    temperature: float = 0.1,
    kd_temperature: float = 1.0,
) -> MemoryTerms:
    """Computes the mean KL(teacher ‖ student) of annotated pixels' similarities to keys, in nats · kd_temperature².

    Keys (of pixels, of regions) are unit vectors in the teacher's space, into which the student's map was projected;
    a pixel's similarities to all keys of a kind are one distribution. Labels, resized to the maps, only decide
    which pixels are annotated. No annotated pixel or no key gives 0; the authors' code gives NaN. Neither teacher nor
    keys get a gradient, and the gradient cannot be differentiated again. Memory is linear in the number of keys:
    pixels are compared 512 at a time.

    Raises:
        ValueError: the maps differ in images or size, or a temperature is not positive.

    Source: Yang et al., CVPR 2022; reduction as in CIRKD, losses/cirkd_memory.py; golden cirkd_memory.
    """
    check_same_pixels(student, teacher)
    if min(temperature, kd_temperature) <= 0:
        raise ValueError(f"temperatures must be above 0, got {temperature} and {kd_temperature}")
    annotated = resize_labels(labels, student.shape[-2:]) != IGNORE
    own, other = (at_least_float32(maps).permute(0, 2, 3, 1)[annotated] for maps in (student, teacher.detach()))
    sharpness = 1 / (temperature * kd_temperature)
    vectors = tuple(at_least_float32(kind.detach()).to(own) for kind in keys)
    with full_precision(student):
        pixel, region = _Resemblance.apply(own, other, vectors, sharpness)  # type: ignore[no-untyped-call]
    return MemoryTerms(pixel * kd_temperature**2, region * kd_temperature**2)


class _Resemblance(torch.autograd.Function):
    """Mean KL of pixels [a, d] and [a, d] against two kinds of keys [n, d]; gradients are taken with the values."""

    @staticmethod
    def forward(
        ctx: Any, student: Tensor, teacher: Tensor, keys: tuple[Tensor, Tensor], sharpness: float
    ) -> tuple[Tensor, ...]:
        kinds = [_Comparison(student, vectors * sharpness, ctx.needs_input_grad[0]) for vectors in keys]
        for begin in range(0, len(student), _ROWS):
            rows = slice(begin, begin + _ROWS)
            both = torch.cat((student[rows], teacher[rows]))
            length = vector_lengths(both)
            both /= length
            for kind in kinds:
                kind.add(both, length, rows)
        ctx.save_for_backward(*(kind.gradient for kind in kinds))
        return tuple(kind.total / max(len(student), 1) for kind in kinds)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, pixel: Tensor, region: Tensor) -> tuple[Tensor, None, None, None]:
        of_pixel, of_region = ctx.saved_tensors
        return (of_pixel * pixel).addcmul_(of_region, region), None, None, None


class _Comparison:
    """Comparison of pixels with one kind of keys, in portions: the summed KL and the gradient [a, d] of its mean.

    At least one key is padding, whose logit is so low that it takes no part. No portion allocates anything as large as
    the logits, since that can take as long as the computation itself.
    """

    def __init__(self, student: Tensor, keys: Tensor, differentiable: bool) -> None:
        self.count, self.pixels = len(keys), len(student)
        self.keys = F.pad(keys, (0, 0, 0, whole_cache_lines(self.count + 1) - self.count))
        self.logits, self.likely = student.new_empty(2, 2 * min(_ROWS, self.pixels), len(self.keys))
        self.total = student.new_zeros(())
        self.gradient = torch.empty_like(student) if differentiable else None

    def add(self, both: Tensor, length: Tensor, rows: slice) -> None:
        """Adds a portion: unit vectors [2r, d] of the student, then of the teacher, and the lengths they had before."""
        logits, likely = self.logits[: len(both)], self.likely[: len(both)]
        torch.mm(both, self.keys.T, out=logits)
        logits[:, self.count :] = torch.finfo(logits.dtype).min
        torch.softmax(logits, dim=1, out=likely)
        log_sum_student, log_sum_teacher = (logits.amax(dim=1) - likely.amax(dim=1).log()).chunk(2)
        (student, teacher), (likely_student, likely_teacher) = logits.chunk(2), likely.chunk(2)
        gaps = teacher.sub_(student).mul_(likely_teacher).sum(dim=1)
        self.total += (gaps + log_sum_student - log_sum_teacher).sum()
        if self.gradient is not None:
            gradient, unit = self.gradient[rows], both[: len(student)]
            torch.mm(likely_student.sub_(likely_teacher), self.keys, out=gradient)
            along = (gradient * unit).sum(dim=1, keepdim=True)  # changes of length have no effect
            gradient.addcmul_(unit, along, value=-1).div_(length[: len(student)] * self.pixels)
