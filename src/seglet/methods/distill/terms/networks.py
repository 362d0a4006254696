"""Terms with networks of their own: adversarial, masked and denoised features."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Literal

from torch import Tensor, nn

from seglet.losses.distillation.adversarial import adversarial_loss, gradient_penalty, hinge_loss, wasserstein_loss
from seglet.losses.distillation.afdcd import feature_distance, omni_contrastive_loss
from seglet.losses.distillation.dist import correlation_loss
from seglet.losses.distillation.features import mean_squared_error
from seglet.losses.distillation.kl import kl_divergence
from seglet.methods.distill.terms.base import FeaturePair, Term, TermOptions, TermPart, TermShape
from seglet.models.diffusion import diffkd
from seglet.models.distillation.afdcd import FeatureMasking
from seglet.models.distillation.discriminator import Discriminator
from seglet.types import option


@dataclass(frozen=True)
class HolisticOptions(TermOptions):
    tap: str = option("logits", "compared map; the authors use raw logits")
    adversarial: float = option(0.001, "weight of the student's adversarial loss; CIRKD code")
    discriminator: float = option(
        0.1, "weight of the discriminator's own loss, which has its own optimiser; CIRKD code"
    )
    mode: Literal["hinge", "wgan-gp"] = option("hinge", "loss of the discriminator; CIRKD code, SKD: wgan-gp")
    penalty: float = option(10.0, "weight of the gradient penalty, for wgan-gp only; SKD code")
    width: int = option(64, "channels of the discriminator's first convolution; CIRKD code")

    @property
    def off(self) -> bool:  # the authors still train their discriminator then
        return super().off or self.adversarial == 0


class HolisticTerm(Term):
    """Adversarial term of structured distillation (SKD); with `adversarial` 0 it is not built."""

    options = HolisticOptions
    unweighted_because = "the discriminator scores a whole image"
    equal_channels = True

    def __init__(self, options: HolisticOptions, shape: TermShape) -> None:
        super().__init__(options, shape)
        self.chosen = options
        # `judge`: named so in the checkpoints of 0.1.0
        self.judge = Discriminator(shape.teacher, options.width)

    def forward(self, pair: FeaturePair) -> Mapping[str, TermPart]:
        chosen = self.chosen
        student, teacher = pair.student, pair.teacher
        fooled = adversarial_loss(self.judge.frozen_scores(student))
        fake, real = self.judge(student.detach()), self.judge(teacher)
        own = hinge_loss(real, fake) if chosen.mode == "hinge" else wasserstein_loss(real, fake)
        parts = {"fooling": TermPart(fooled, chosen.adversarial), "discriminator": TermPart(own, chosen.discriminator)}
        if chosen.mode == "wgan-gp":
            slope = gradient_penalty(self.judge, teacher, student, pair.generator)
            parts["penalty"] = TermPart(slope, chosen.penalty * chosen.discriminator)
        return parts

    def adversary(self) -> nn.Module:
        return self.judge


@dataclass(frozen=True)
class AfDCDOptions(TermOptions):
    tap: str = option("stage4", "compared map; the authors use the backbone's last stage")
    distance: float = option(2e-6, "weight of the summed squared distance; Af-DCD code (VOC 1e-6, CamVid 8e-6)")
    contrast: float = option(0.005, "weight of the omni-contrast; Af-DCD code (CamVid .01)")
    groups: int = option(16, "M, groups of channels; Af-DCD code")
    temperature: float = option(0.07, "temperature of the contrast; Af-DCD code")
    pool: int = option(4, "side of the max-pooling before the contrast; Af-DCD code (CamVid 1)")
    patch: int = option(4, "side of a patch within which vectors are contrasted; Af-DCD code")
    hidden: Literal["random", "middle"] = option("random", "how the masked pixels are chosen; Af-DCD code")
    share: float = option(0.75, "fraction of pixels masked at random; Af-DCD code")
    enhanced: bool = option(False, "reconstruct the map by four convolutions instead of two")
    clip: float | None = option(15.0, "largest gradient norm of these convolutions; Af-DCD code")


class AfDCDTerm(Term):
    """Af-DCD: masked student features are reconstructed, and contrasted with the teacher's neighbouring features."""

    options = AfDCDOptions
    unweighted_because = "a pixel is rebuilt from others, of which most are hidden, and contrasted with its patch"

    def __init__(self, options: AfDCDOptions, shape: TermShape) -> None:
        super().__init__(options, shape)
        if shape.teacher % options.groups:
            raise ValueError(f"groups: the teacher's {shape.teacher} channels cannot be divided into {options.groups}")
        self.chosen = options
        self.masking = FeatureMasking(shape.student, shape.teacher, options.hidden, options.share, options.enhanced)

    def forward(self, pair: FeaturePair) -> Mapping[str, TermPart]:
        chosen = self.chosen
        rebuilt = self.masking(pair.student, generator=pair.generator)
        how = chosen.groups, chosen.temperature, chosen.pool, chosen.patch
        distance = TermPart(feature_distance(rebuilt, pair.teacher), chosen.distance)
        return {
            "distance": distance,
            "contrast": TermPart(omni_contrastive_loss(rebuilt, pair.teacher, *how), chosen.contrast),
        }

    def before_step(self) -> None:
        if self.chosen.clip is not None:
            nn.utils.clip_grad_norm_(self.masking.redraw.parameters(), self.chosen.clip)


@dataclass(frozen=True)
class DiffKDOptions(TermOptions):
    distillation: float = option(1.0, "weight of the distance between denoised student and teacher; DiffKD code")
    denoising: float = option(1.0, "weight of the denoiser's own loss; DiffKD code")
    reconstruction: float = option(1.0, "weight of the autoencoder's own loss; DiffKD code")
    steps: int = option(5, "denoising steps; DiffKD code")
    code: int | None = option(None, "channels of an autoencoder of the teacher's map; none: no autoencoder")
    reduction: int = option(4, "channel reduction in the denoiser's bottlenecks; DiffKD code, 1 in DGKD-WLSS")
    noise: bool = option(True, "mix noise into the student's features first; DGKD-WLSS does not")
    compare: Literal["mse", "dist", "kl"] = option(
        "mse", "distance: mse for features (DiffKD), dist (DGKD-WLSS), kl for logits"
    )


_COMPARISONS: Mapping[str, Callable[..., Tensor]] = MappingProxyType(
    {"mse": mean_squared_error, "dist": correlation_loss, "kl": kl_divergence}
)


class DiffKDTerm(Term):
    """DiffKD: student features are denoised by a diffusion model of the teacher's features."""

    options = DiffKDOptions
    weighting = "pixel"

    def __init__(self, options: DiffKDOptions, shape: TermShape) -> None:
        super().__init__(options, shape)
        self.chosen = options
        inside = diffkd.DenoisingOptions(
            steps=options.steps,
            kernel=1 if options.tap == "logits" else 3,
            code_channels=options.code,
            reduction=options.reduction,
            mix_noise=options.noise,
        )
        self.model = diffkd.DenoisingDistillation(shape.student, shape.teacher, inside)

    def forward(self, pair: FeaturePair) -> Mapping[str, TermPart]:
        comparison = _COMPARISONS[self.chosen.compare]
        compare = comparison if pair.weight is None else partial(comparison, weight=pair.weight)
        terms = self.model(pair.student, pair.teacher, pair.generator, compare)
        return {name: TermPart(value, getattr(self.chosen, name)) for name, value in terms.items()}
