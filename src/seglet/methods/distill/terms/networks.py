"""Terms that train networks of their own."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch.nn.functional as F
from torch import nn

from seglet.losses.distillation.adversarial import adversarial_loss, gradient_penalty, hinge_loss, wasserstein_loss
from seglet.losses.distillation.afdcd import feature_distance, omni_contrastive_loss
from seglet.losses.distillation.dist import correlation_loss
from seglet.losses.distillation.kl import kl_divergence
from seglet.methods.distill.terms.base import Options, Pair, Part, Shape, Term
from seglet.models.diffusion import diffkd
from seglet.models.distillation.afdcd import FeatureMasking
from seglet.models.distillation.discriminator import Discriminator
from seglet.types import option


@dataclass(frozen=True)
class HolisticOptions(Options):
    tap: str = option("logits", "where; the authors judge raw logits")
    adversarial: float = option(0.001, "of the student's wish to be taken for its teacher; CIRKD code")
    discriminator: float = option(0.1, "of the discriminator's own loss, which has its own optimiser; CIRKD code")
    mode: Literal["hinge", "wgan-gp"] = option("hinge", "loss of the discriminator; CIRKD code, SKD's is wgan-gp")
    penalty: float = option(10.0, "of the discriminator's slope, wgan-gp only; SKD code")
    width: int = option(64, "channels of the discriminator's first convolution; CIRKD code")


class Holistic(Term):
    """Structured distillation's adversarial term. Without `adversarial` weight nothing runs."""

    options = HolisticOptions
    equal_channels = True

    def __init__(self, options: HolisticOptions, shape: Shape) -> None:
        super().__init__(options, shape)
        self.chosen = options
        self.judge = Discriminator(shape.teacher, options.width)

    def forward(self, pair: Pair) -> Mapping[str, Part]:
        chosen = self.chosen
        if chosen.adversarial == 0:  # the authors train their discriminator all the same
            return {}
        student, teacher = pair.student, pair.teacher
        fooled = adversarial_loss(self.judge.frozen_scores(student))
        fake, real = self.judge(student.detach()), self.judge(teacher)
        own = hinge_loss(real, fake) if chosen.mode == "hinge" else wasserstein_loss(real, fake)
        parts = {"fooling": Part(fooled, chosen.adversarial), "discriminator": Part(own, chosen.discriminator)}
        if chosen.mode == "wgan-gp":
            slope = gradient_penalty(self.judge, teacher, student, pair.generator)
            parts["penalty"] = Part(slope, chosen.penalty * chosen.discriminator)
        return parts

    def adversary(self) -> nn.Module:
        return self.judge


@dataclass(frozen=True)
class AfDCDOptions(Options):
    tap: str = option("stage4", "where; the authors take the backbone's last stage")
    distance: float = option(2e-6, "of the summed squared distance; Af-DCD code (VOC 1e-6, CamVid 8e-6)")
    contrast: float = option(0.005, "of the omni-contrast; Af-DCD code (CamVid .01)")
    groups: int = option(16, "M, groups of channels; Af-DCD code")
    temperature: float = option(0.07, "of the contrast; Af-DCD code")
    pool: int = option(4, "side of the max-pooling before the contrast; Af-DCD code (CamVid 1)")
    patch: int = option(4, "side of a patch within which vectors are contrasted; Af-DCD code")
    hidden: Literal["random", "middle"] = option("random", "pixels hidden from the student; Af-DCD code")
    share: float = option(0.75, "of pixels hidden at random; Af-DCD code")
    enhanced: bool = option(False, "four convolutions redraw the map instead of two")
    clip: float | None = option(15.0, "largest gradient norm of the redrawing convolutions; Af-DCD code")


class AfDCD(Term):
    """Masked features redrawn by the student, and told apart from all others around."""

    options = AfDCDOptions

    def __init__(self, options: AfDCDOptions, shape: Shape) -> None:
        super().__init__(options, shape)
        if shape.teacher % options.groups:
            raise ValueError(f"groups: the teacher's {shape.teacher} channels cannot be divided into {options.groups}")
        self.chosen = options
        self.masking = FeatureMasking(shape.student, shape.teacher, options.hidden, options.share, options.enhanced)

    def forward(self, pair: Pair) -> Mapping[str, Part]:
        chosen = self.chosen
        redrawn = self.masking(pair.student, generator=pair.generator)
        how = chosen.groups, chosen.temperature, chosen.pool, chosen.patch
        distance = Part(feature_distance(redrawn, pair.teacher), chosen.distance)
        return {
            "distance": distance,
            "contrast": Part(omni_contrastive_loss(redrawn, pair.teacher, *how), chosen.contrast),
        }

    def before_step(self) -> None:
        if self.chosen.clip is not None:
            nn.utils.clip_grad_norm_(self.masking.redraw.parameters(), self.chosen.clip)


@dataclass(frozen=True)
class DiffKDOptions(Options):
    distillation: float = option(1.0, "of the distance between denoised student and teacher; DiffKD code")
    denoising: float = option(1.0, "of the denoiser's own loss; DiffKD code")
    reconstruction: float = option(1.0, "of the autoencoder's own loss; DiffKD code")
    steps: int = option(5, "denoising steps; DiffKD code")
    code: int | None = option(None, "channels to which an autoencoder brings the teacher; none leaves it as it is")
    reduction: int = option(4, "how much narrower the denoiser's bottlenecks are; DiffKD code, 1 in DGKD-WLSS")
    noise: bool = option(True, "mix noise into the student's features first; not in DGKD-WLSS")
    compare: Literal["mse", "dist", "kl"] = option("mse", "mse of features (DiffKD), dist (DGKD-WLSS), kl of logits")


class DiffKD(Term):
    """Student features denoised by a diffusion model of the teacher's."""

    options = DiffKDOptions

    def __init__(self, options: DiffKDOptions, shape: Shape) -> None:
        super().__init__(options, shape)
        self.chosen = options
        comparisons: dict[str, diffkd.FeatureComparison] = {
            "mse": F.mse_loss,
            "dist": correlation_loss,
            "kl": kl_divergence,
        }
        inside = diffkd.DenoisingOptions(
            steps=options.steps,
            kernel=1 if options.tap == "logits" else 3,
            code_channels=options.code,
            reduction=options.reduction,
            mix_noise=options.noise,
        )
        self.model = diffkd.DenoisingDistillation(shape.student, shape.teacher, inside, comparisons[options.compare])

    def forward(self, pair: Pair) -> Mapping[str, Part]:
        terms = self.model(pair.student, pair.teacher, pair.generator)
        return {name: Part(value, getattr(self.chosen, name)) for name, value in terms.items()}
