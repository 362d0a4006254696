"""Two ways to the same loss and gradient: CPU time and the most bytes of tensors alive, forward and backward."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks._harness import Result, side_by_side
from benchmarks._memory import LiveBytes

Loss = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class LossResult(Result):
    """Times as in `Result`; bytes are the most alive at once beside the inputs, `memory_ratio` rival over ours."""

    ours_bytes: int
    rival_bytes: int
    memory_ratio: float


@dataclass(frozen=True)
class Effort:
    """How often to measure, and how far gradients may differ, as a share of the largest: float32 sums are long."""

    repeats: int = 3
    tolerance: float = 1e-4


def compare(
    name: str, ours: Loss, rival: Loss, student: Tensor, shapes: str, effort: Effort | None = None
) -> LossResult:
    """Each loss of the student's map, and its gradient with respect to it."""
    effort = effort or Effort()

    def same(mine: tuple[Tensor, Tensor], theirs: tuple[Tensor, Tensor]) -> bool:
        value = torch.allclose(mine[0], theirs[0], rtol=2e-5)
        return value and bool((mine[1] - theirs[1]).abs().max() <= effort.tolerance * theirs[1].abs().max())

    def with_gradient(loss: Loss) -> Callable[[], tuple[Tensor, Tensor]]:
        def both() -> tuple[Tensor, Tensor]:
            leaf = student.detach().requires_grad_()
            value = loss(leaf)
            (gradient,) = torch.autograd.grad(value, leaf)
            return value.detach(), gradient

        return both

    times = side_by_side(name, with_gradient(ours), with_gradient(rival), same, shapes, effort.repeats)
    peaks = [peak(with_gradient(loss)) for loss in (ours, rival)]
    return LossResult(**vars(times), ours_bytes=peaks[0], rival_bytes=peaks[1], memory_ratio=peaks[1] / peaks[0])


def peak(call: Callable[[], object]) -> int:
    with LiveBytes() as memory:
        call()
    most: int = memory.peak
    return most


def feature_maps(channels: int, seed: int, shape: tuple[int, int, int] = (2, 65, 65)) -> Tensor:
    """Features as behind a ReLU."""
    images, height, width = shape
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(images, channels, height, width, generator=generator).relu()
