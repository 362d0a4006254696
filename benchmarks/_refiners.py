"""A refiner against its formula in convolutions: CPU time, and the most bytes of tensors alive beside the inputs."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks._gradients import peak
from benchmarks._harness import Result, side_by_side
from seglet.labels.refine.neighbours import DILATIONS

CLASSES, SIZE, STEPS = 21, 321, 10

Refiner = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class RefinerResult(Result):
    """Times as in `Result`; bytes are the most alive at once beside the inputs, `memory_ratio` rival over ours."""

    ours_bytes: int
    rival_bytes: int
    memory_ratio: float


def compare(name: str, ours: Refiner, rival: Refiner) -> RefinerResult:
    """Of masks of 21 classes on an image of noise over squares, equal as far as float32 sums are."""
    generator = torch.Generator().manual_seed(0)
    masks = torch.randn(1, CLASSES, SIZE, SIZE, generator=generator).mul(2).softmax(dim=1)
    squares = F.interpolate(torch.rand(1, 3, 11, 11, generator=generator), size=(SIZE, SIZE), mode="nearest")
    images = (squares + 0.05 * torch.randn(1, 3, SIZE, SIZE, generator=generator)).clamp(0, 1)

    def same(mine: Tensor, theirs: Tensor) -> bool:
        return torch.allclose(mine, theirs, rtol=1e-4, atol=1e-6)

    shapes = f"1x3x{SIZE}x{SIZE} image, {CLASSES} classes, {len(DILATIONS)} dilations, {STEPS} steps, float32"
    times = side_by_side(name, lambda: ours(masks, images), lambda: rival(masks, images), same, shapes, repeats=3)
    most = [peak(lambda refine=refine: refine(masks, images)) for refine in (ours, rival)]  # type: ignore[misc]
    return RefinerResult(**vars(times), ours_bytes=most[0], rival_bytes=most[1], memory_ratio=most[1] / most[0])


def neighbours(maps: Tensor, centre: bool = False) -> Tensor:
    """The eight neighbours of each pixel at each dilation, and the pixel with each: b k h w to b k n h w."""
    b, k, h, w = maps.shape
    kernels = torch.eye(9).reshape(9, 1, 3, 3)
    if not centre:
        kernels = kernels[[0, 1, 2, 3, 5, 6, 7, 8]]
    planes = maps.reshape(b * k, 1, h, w)
    rings = [F.conv2d(F.pad(planes, (d,) * 4, mode="replicate"), kernels, dilation=d) for d in DILATIONS]
    return torch.cat([ring.reshape(b, k, -1, h, w) for ring in rings], dim=2)


def refine(masks: Tensor, weights: Tensor) -> Tensor:
    """Weighted sums over all neighbours laid side by side, step by step; weights b 1 n h w."""
    for _ in range(STEPS):
        masks = (neighbours(masks) * weights).sum(dim=2)
    return masks
