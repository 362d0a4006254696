"""DiffKD: a student's features count as noisy features of its teacher, and are denoised before they are compared.

Axes: b images, c, s, t, d channels (of the code, student, teacher), h rows, w columns.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import get_args

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from seglet.models.diffusion.denoiser import (
    MAX_TIMESTEPS,
    FeatureAutoencoder,
    FeatureDenoiser,
    KernelSize,
    NoiseAdapter,
    biased_conv_norm,
)
from seglet.models.diffusion.schedule import NoiseSchedule

FeatureComparison = Callable[[Tensor, Tensor], Tensor]
"""Computes a scalar from the denoised student and the teacher, of equal shape."""


@dataclass(frozen=True)
class DenoisingOptions:
    """Options of `DenoisingDistillation`; the defaults are its authors' for features.

    Logits: `kernel=1`. The variant of DGKD-WLSS: `reduction=1, align=False, mix_noise=False`.

    Args:
        steps: denoising steps of a student, of twice as many in the whole schedule.
        training_steps: timesteps of the schedule.
        code_channels: width to which an autoencoder brings the teacher; None leaves the teacher alone.
        reduction: how much narrower the denoiser's bottlenecks are (kernel 3 only).
        align: bring the student to the teacher's channels by a 1x1 convolution.
        mix_noise: let an adapter mix noise into the student's features first.
    """

    steps: int = 5
    training_steps: int = 1000
    kernel: KernelSize = 3
    code_channels: int | None = None
    reduction: int = 4
    align: bool = True
    mix_noise: bool = True

    def __post_init__(self) -> None:
        if self.kernel not in get_args(KernelSize):
            raise ValueError(f"expected kernel 1 or 3, got {self.kernel}")
        if self.reduction < 1 or (self.code_channels is not None and self.code_channels < 1):
            raise ValueError(f"expected a positive reduction and width, got {self.reduction}, {self.code_channels}")
        if self.training_steps > MAX_TIMESTEPS:
            raise ValueError(f"expected at most {MAX_TIMESTEPS} training_steps, got {self.training_steps}")
        NoiseSchedule(self.training_steps).timesteps(self.steps)


@dataclass(frozen=True)
class DenoisingDraws:
    """Random draws of one pass: noise for the student, noise and timesteps for the teacher."""

    student: Float[Tensor, "b c h w"]
    teacher: Float[Tensor, "b c h w"]
    timesteps: Int[Tensor, "b"]


def draw_denoising(
    like: Float[Tensor, "b c h w"], training_steps: int, generator: torch.Generator | None
) -> DenoisingDraws:
    """Draws normal noise and uniform timesteps from a generator on the device of `like`; None is the global one."""
    noise = [torch.empty_like(like).normal_(generator=generator) for _ in range(2)]
    steps = torch.randint(training_steps, (len(like),), generator=generator, device=like.device)
    return DenoisingDraws(noise[0], noise[1], steps)


class DenoisingDistillation(nn.Module):
    """Distillation that denoises a student's maps with a model trained on the teacher's, and compares them.

    `compare` is the squared difference by default; give `losses.kl.kl_divergence` for logits,
    `losses.dist.correlation_loss` for the variant of DGKD-WLSS. Autocast has no effect: it
    computes in the precision of its weights.

    In training mode batch normalisation uses the statistics of the batch in each call of the denoiser, and moves its
    running ones `steps` times for the student and once for the teacher, as the authors' code does.

    Source: Huang et al., NeurIPS 2023; its code for segmentation is not public, this follows its classification
    code; golden diffkd, diffkd_dgkd.
    """

    def __init__(
        self,
        student_channels: int,
        teacher_channels: int,
        options: DenoisingOptions = DenoisingOptions(),
        compare: FeatureComparison = F.mse_loss,
    ) -> None:
        super().__init__()
        channels = options.code_channels or teacher_channels
        if not options.align and student_channels != channels:
            raise ValueError(
                f"without align, student and teacher need equal channels, got {student_channels} and {channels}"
            )
        self.channels = student_channels, teacher_channels
        self.options, self.compare, self.schedule = options, compare, NoiseSchedule(options.training_steps)
        self.autoencoder = FeatureAutoencoder(teacher_channels, channels) if options.code_channels else None
        self.align = nn.Conv2d(student_channels, channels, 1) if options.align else None
        self.adapter = NoiseAdapter(channels, options.kernel) if options.mix_noise else None
        self.denoiser = FeatureDenoiser(channels, options.kernel, options.reduction)
        self.project = biased_conv_norm(channels, channels)

    def forward(
        self,
        student: Float[Tensor, "b s h w"],
        teacher: Float[Tensor, "b t h w"],
        draws: DenoisingDraws | torch.Generator | None = None,
        compare: FeatureComparison | None = None,
    ) -> dict[str, Float[Tensor, ""]]:
        """Returns the terms of the loss, which the authors add with weight 1 each; give the teacher without gradient.

        `distillation` teaches the student, and the denoiser too: its gradient is not stopped there. `denoising`,
        a mean square, teaches the denoiser on the teacher's maps. `reconstruction`, a mean square, is there if
        there is an autoencoder, and alone teaches that. `compare` replaces that of the module in this step.

        Raises:
            ValueError: the maps have other channels than announced; student, teacher or draws differ in size or batch;
                training mode meets a single value a channel.
        """
        found = student.shape[1], teacher.shape[1]
        if found != self.channels:
            raise ValueError(f"expected student and teacher of {self.channels} channels, got {found}")
        _check(student, teacher, self.training)
        kind = self.denoiser.timestep.weight.dtype
        with torch.autocast(student.device.type, enabled=False):
            target, terms = self._encode(teacher.to(kind))
            if not isinstance(draws, DenoisingDraws):
                draws = draw_denoising(target, self.options.training_steps, draws)
            _check_draws(draws, target)
            refined = self.refine(student.to(kind), draws.student)
            terms["denoising"] = self._denoising(target, draws)
            return {"distillation": (compare or self.compare)(refined, target), **terms}

    def refine(self, student: Float[Tensor, "b s h w"], noise: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """Returns the student's map, denoised; `noise` is read only with `mix_noise`."""
        maps = student if self.align is None else self.align(student)
        maps = maps if self.adapter is None else self.adapter(maps, noise)
        refined: Tensor = self.project(self.schedule.denoise(self.denoiser, maps, self.options.steps))
        return refined

    def _encode(self, teacher: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        if self.autoencoder is None:
            return teacher, {}
        code, rebuilt = self.autoencoder(teacher)
        return code.detach(), {"reconstruction": F.mse_loss(rebuilt, teacher)}

    def _denoising(self, target: Tensor, draws: DenoisingDraws) -> Tensor:
        noisy = self.schedule.add_noise(target, draws.teacher, draws.timesteps)
        return F.mse_loss(self.denoiser(noisy, draws.timesteps), draws.teacher)


def _check(student: Tensor, teacher: Tensor, training: bool) -> None:
    (b, _, h, w), (b2, _, h2, w2) = student.shape, teacher.shape
    if (b, h, w) != (b2, h2, w2):
        raise ValueError(
            f"student and teacher must agree in batch and size, got {b} maps of {h}x{w} and {b2} of {h2}x{w2}; "
            "resize one of them"
        )
    if training and b * h * w == 1:
        raise ValueError(
            "one image of one position gives batch normalisation nothing to normalise over; raise the batch size"
        )


def _check_draws(draws: DenoisingDraws, target: Tensor) -> None:
    for name, noise in (("student", draws.student), ("teacher", draws.teacher)):
        if noise.shape != target.shape:
            raise ValueError(f"the {name}'s noise must be {tuple(target.shape)} as the code, got {tuple(noise.shape)}")


_DGKD = DenoisingOptions(reduction=1, align=False, mix_noise=False)
"""DGKD uses only DiffKD's denoiser, as wide inside as outside: no alignment, adapter or autoencoder."""


def dgkd_branch(channels: int, compare: FeatureComparison, steps: int = 5) -> DenoisingDistillation:
    """Builds the distillation of DGKD for features of that many channels, or for masks of that many classes.

    Features and masks of an image in the light are the teacher, of the same image in the dark the student. Masks are
    given as probabilities, which `losses.dist.correlation_loss` softens once more, as the authors do. `compare` is
    that, `losses.kl.kl_divergence` or the squared difference (Table 2a); `steps` is T.

    Source: DGKD-WLSS, Eq. 5-7, losses/ddim.py; golden ddim.
    """
    options = DenoisingOptions(steps, reduction=_DGKD.reduction, align=_DGKD.align, mix_noise=_DGKD.mix_noise)
    return DenoisingDistillation(channels, channels, options, compare)


class FeatureProjection(nn.Sequential):
    """Projection of a feature map for distillation: 3x3 convolution with bias, normalisation, ReLU.

    Student and teacher have one each, for the shallow map and for the deep one. In the authors' runs the teacher's keep
    their random start, which nobody trains: reproduce that, or give both the same weights.

    Source: DGKD-WLSS, models/_ssss_wsss.py, feat and feat2; not in the paper.
    """

    def __init__(self, inside: int, channels: int = 256) -> None:
        super().__init__(*biased_conv_norm(inside, channels, 3), nn.ReLU(inplace=True))
