"""Af-DCD's terms with alignment and redrawing at 512 → 512 channels and its true 512 → 2048, against plain loops.

The convolutions are the same on both sides and take nearly all the time; `contrast_ratio` is of the contrast alone.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks._gradients import Effort, LossResult, compare, feature_maps
from seglet.losses.distillation.afdcd import feature_distance, omni_contrastive_loss
from seglet.models.distillation.afdcd import FeatureMasking

CHANNELS, TEACHER_CHANNELS, GROUPS, TEMPERATURE = 512, 2048, 16, 0.07
WEIGHTS = 1e-6, 5e-3
TOLERANCE = 1e-3  # similarities near 1000 keep three decimals in float32


@dataclass(frozen=True)
class AfdcdResult(LossResult):
    """At 512 → 512; `true_ours` and `true_rival` are seconds at 512 → 2048."""

    contrast_ratio: float
    true_ours: float
    true_rival: float


def run() -> AfdcdResult:
    student = feature_maps(CHANNELS, seed=0)
    shapes = f"{'x'.join(map(str, student.shape))} float32 to {CHANNELS} channels and to {TEACHER_CHANNELS}"
    small = whole(student, CHANNELS, shapes, repeats=3)
    large = whole(student, TEACHER_CHANNELS, shapes, repeats=1)
    redrawn, teacher = feature_maps(TEACHER_CHANNELS, seed=2), feature_maps(TEACHER_CHANNELS, seed=1)
    contrast = compare(
        "contrast",
        lambda maps: omni_contrastive_loss(maps, teacher),
        lambda maps: plain(maps, teacher),
        redrawn,
        shapes,
        Effort(tolerance=TOLERANCE),
    )
    equal = small.equal and contrast.equal and equal_in_double()  # at 2048 channels float32 holds too little to tell
    values = {**vars(small), "equal": equal, "contrast_ratio": contrast.ratio}
    return AfdcdResult(**values, true_ours=large.ours, true_rival=large.rival)


def equal_in_double() -> bool:
    """Whether both contrasts of 2048 channels, and their gradients, are the same in float64."""
    redrawn, teacher = (feature_maps(TEACHER_CHANNELS, seed, (1, 20, 20)).double() for seed in (2, 1))
    redrawn.requires_grad_()
    mine, theirs = omni_contrastive_loss(redrawn, teacher), plain(redrawn, teacher)
    (slope,), (expected,) = (torch.autograd.grad(value, redrawn) for value in (mine, theirs))
    return torch.allclose(mine, theirs, rtol=1e-12) and torch.allclose(slope, expected, rtol=1e-9, atol=1e-12)


def whole(student: Tensor, channels: int, shapes: str, repeats: int) -> LossResult:
    """Both terms, masked and redrawn; the weights of the convolutions get gradients too."""
    torch.manual_seed(0)
    teacher, uniform = feature_maps(channels, seed=1), torch.rand(2, 1, 65, 65)
    net = FeatureMasking(student.shape[1], channels)

    def ours(maps: Tensor) -> Tensor:
        redrawn: Tensor = net(maps, uniform)
        return WEIGHTS[0] * feature_distance(redrawn, teacher) + WEIGHTS[1] * omni_contrastive_loss(redrawn, teacher)

    def rival(maps: Tensor) -> Tensor:
        redrawn: Tensor = net(maps, uniform)
        distance = F.mse_loss(redrawn, teacher, reduction="sum") / len(maps)
        return WEIGHTS[0] * distance + WEIGHTS[1] * plain(redrawn, teacher)

    return compare("afdcd", ours, rival, student, shapes, Effort(repeats, TOLERANCE))


def plain(redrawn: Tensor, teacher: Tensor) -> Tensor:
    """The contrast patch by patch: every vector minus every other."""
    own, other = (F.max_pool2d(maps, 4) for maps in (redrawn, teacher))
    width, total = redrawn.shape[1] // GROUPS, torch.zeros(())
    group = torch.arange(GROUPS).repeat(16)
    left_out = (group[:, None] == group) & ~torch.eye(len(group), dtype=torch.bool)
    for image in range(len(own)):
        for row in range(0, own.shape[2] - 3, 4):
            for column in range(0, own.shape[3] - 3, 4):
                cut = (image, slice(None), slice(row, row + 4), slice(column, column + 4))
                mine, theirs = (maps[cut].flatten(1).T.reshape(-1, width) for maps in (own, other))
                logits = -(mine[:, None] - theirs).abs().sum(dim=2) / TEMPERATURE
                logits = logits.masked_fill(left_out, -torch.inf)
                total = total + F.cross_entropy(logits, torch.arange(len(logits)), reduction="sum")
    return total / (len(own) * (own.shape[2] // 4 * 4) * (own.shape[3] // 4 * 4))
