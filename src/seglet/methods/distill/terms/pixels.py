"""Terms that compare class probabilities, or feature maps position by position."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from seglet.losses.distillation.boundaries import boundary_labels, boundary_weights
from seglet.losses.distillation.cwd import channel_divergence
from seglet.losses.distillation.dist import correlation_loss
from seglet.losses.distillation.features import attention_transfer_loss, mean_squared_error
from seglet.losses.distillation.ifvd import variation_loss
from seglet.losses.distillation.kl import (
    WeightedForm,
    elementwise_kl_divergence,
    generalised_kl_divergence,
    kl_divergence,
    soft_cross_entropy,
)
from seglet.losses.distillation.logit_standardisation import check_standardised, standardise_logits
from seglet.losses.distillation.skd_pairwise import coarse_pairwise_loss, pairwise_loss
from seglet.methods.distill.terms.base import FeaturePair, Term, TermOptions, TermPart, TermShape, counted_pixels
from seglet.types import option


@dataclass(frozen=True)
class KLOptions(TermOptions):
    tap: str = option("logits", "compared map; on maps other than logits, channels are treated as classes")
    temperature: float = option(1.0, "temperature of both distributions; CIRKD code")
    reduction: Literal["cirkd", "ifvd", "skd"] = option(
        "cirkd",
        "cirkd: mean over pixels times T²; ifvd: mean over classes too, no T²; skd: cross-entropy, summed over images",
    )
    mask_ignored: bool = option(False, "distil only annotated pixels; CIRKD distils all")
    weighted: bool = option(True, "weight the term by FOTF's weights, with weigh_kd; on logits alone")
    form: WeightedForm = option(
        "eq3", "with FOTF's weights: eq3, or generalised, which is least where student equals teacher"
    )
    standardise: bool = option(
        False, "compare z-scores of the logits; Sun et al., CVPR 2024, who take temperature=2 weight=9"
    )
    boundary: int = option(
        0,
        "distance to another class, in pixels of the compared map, up to which boundary_weight applies; 0: none; ours",
    )
    boundary_weight: float = option(
        3.0, "weight near boundaries, 1 elsewhere, before all are divided by their mean; ours"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.form == "generalised" and self.reduction != "cirkd":
            raise ValueError(f"form: generalised is there for reduction=cirkd alone, got {self.reduction}")
        if self.boundary < 0 or self.boundary_weight <= 0:
            got = f"{self.boundary} and {self.boundary_weight}"
            raise ValueError(f"boundary: expected 0 or more, and boundary_weight above 0, got {got}")
        if self.temperature <= 0:
            raise ValueError(f"temperature: expected above 0, got {self.temperature}")
        if self.reduction == "skd" and self.temperature != 1:
            raise ValueError(f"temperature: SKD's reduction has none, got {self.temperature}; leave it out")


class KLTerm(Term):
    """Plain distillation of class probabilities, with one of three published reductions."""

    options = KLOptions
    equal_channels = True
    weighting = "logits"
    leaves_out = True

    def __init__(self, options: KLOptions, shape: TermShape) -> None:
        super().__init__(options, shape)
        self.chosen = options
        if options.standardise:
            check_standardised(shape.teacher)

    def forward(self, pair: FeaturePair) -> Mapping[str, TermPart]:
        student, teacher, chosen = pair.student, pair.teacher, self.chosen
        if chosen.standardise:
            student, teacher = standardise_logits(student), standardise_logits(teacher)
        counted = counted_pixels(pair, chosen.mask_ignored)
        weight = pair.weight
        if chosen.boundary:
            labels = boundary_labels(pair.target.labels, teacher)
            near = boundary_weights(labels, chosen.boundary, chosen.boundary_weight, counted)
            weight = near if weight is None else near * weight
        if chosen.reduction == "skd":
            return {"": TermPart(soft_cross_entropy(student, teacher, weight, counted))}
        reduce = kl_divergence if chosen.reduction == "cirkd" else elementwise_kl_divergence
        if chosen.form == "generalised":
            reduce = generalised_kl_divergence
        return {"": TermPart(reduce(student, teacher, chosen.temperature, weight, counted))}


@dataclass(frozen=True)
class DISTOptions(TermOptions):
    tap: str = option("logits", "compared map; on maps other than logits, channels are treated as classes")
    temperature: float = option(1.0, "temperature of both distributions; the authors' segmentation code has none")
    beta: float = option(1.0, "weight of the relations between classes; DIST_KD code")
    gamma: float = option(1.0, "weight of the relations within a class; DIST_KD code")
    mask_ignored: bool = option(False, "correlate only annotated pixels; ours, the authors' code takes all")


class DISTTerm(Term):
    """DIST: correlations of class probabilities instead of exact values."""

    options = DISTOptions
    equal_channels = True
    weighting = "pixel"
    leaves_out = True

    def __init__(self, options: DISTOptions, shape: TermShape) -> None:
        super().__init__(options, shape)
        self.chosen = options

    def forward(self, pair: FeaturePair) -> Mapping[str, TermPart]:
        chosen, counted = self.chosen, counted_pixels(pair, self.chosen.mask_ignored)
        how = chosen.temperature, chosen.beta, chosen.gamma
        return {"": TermPart(correlation_loss(pair.student, pair.teacher, *how, counted, pair.weight))}


@dataclass(frozen=True)
class MSEOptions(TermOptions):
    weight: float = option(10.0, "weight of the term in the loss; FitNet in CIRKD code")


class MSETerm(Term):
    """FitNet: squared difference of features; with `adaptor=bias` the plain MSE of DiffKD's code."""

    options = MSEOptions
    equal_channels = True
    weighting = "any"

    def forward(self, pair: FeaturePair) -> Mapping[str, TermPart]:
        return {"": TermPart(mean_squared_error(pair.student, pair.teacher, pair.weight))}


@dataclass(frozen=True)
class ATOptions(TermOptions):
    weight: float = option(1e4, "weight of the term in the loss; CIRKD code")


class ATTerm(Term):
    """Attention transfer (AT): difference of normalised activation maps."""

    options = ATOptions
    unweighted_because = "a pixel's attention is its share of the whole image's"

    def forward(self, pair: FeaturePair) -> Mapping[str, TermPart]:
        return {"": TermPart(attention_transfer_loss(pair.student, pair.teacher))}


@dataclass(frozen=True)
class SKDOptions(TermOptions):
    weight: float = option(10.0, "weight of the term in the loss; CIRKD code")
    window: int = option(2, "side of the max-pooling before positions are compared; CIRKD code")
    mask_ignored: bool = option(False, "pool and compare only annotated pixels; ours, CIRKD's code takes all")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.window < 1:
            raise ValueError(f"window: expected at least 1, got {self.window}")


class SKDTerm(Term):
    """Pairwise term of structured distillation (SKD), as in CIRKD's code."""

    options = SKDOptions
    unweighted_because = "it compares pairs of places, and σ is of one place"
    leaves_out = True

    def __init__(self, options: SKDOptions, shape: TermShape) -> None:
        super().__init__(options, shape)
        self.chosen = options

    def forward(self, pair: FeaturePair) -> Mapping[str, TermPart]:
        counted = counted_pixels(pair, self.chosen.mask_ignored)
        return {"": TermPart(pairwise_loss(pair.student, pair.teacher, self.chosen.window, counted))}


@dataclass(frozen=True)
class CoarseSKDOptions(TermOptions):
    weight: float = option(0.5, "weight of the term in the loss; SKD code")
    scale: float = option(0.5, "side of a pooled region, as a fraction of the map; SKD code")
    mask_ignored: bool = option(False, "pool and compare only annotated pixels; ours, SKD's code takes all")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.scale <= 1:
            raise ValueError(f"scale: expected above 0 and at most 1, got {self.scale}")


class CoarseSKDTerm(Term):
    """Pairwise term of structured distillation (SKD), as in its own code."""

    options = CoarseSKDOptions
    unweighted_because = "it compares pairs of places, and σ is of one place"
    leaves_out = True

    def __init__(self, options: CoarseSKDOptions, shape: TermShape) -> None:
        super().__init__(options, shape)
        self.chosen = options

    def forward(self, pair: FeaturePair) -> Mapping[str, TermPart]:
        counted = counted_pixels(pair, self.chosen.mask_ignored)
        return {"": TermPart(coarse_pairwise_loss(pair.student, pair.teacher, self.chosen.scale, counted))}


@dataclass(frozen=True)
class IFVDOptions(TermOptions):
    weight: float = option(20.0, "weight of the term in the loss; CIRKD code (IFVD's own: 200)")


class IFVDTerm(Term):
    """IFVD: similarity of each pixel to the mean feature of its class."""

    options = IFVDOptions
    unweighted_because = "a pixel is compared with the mean of all pixels of its class"

    def __init__(self, options: IFVDOptions, shape: TermShape) -> None:
        super().__init__(options, shape)
        self.classes = shape.classes

    def forward(self, pair: FeaturePair) -> Mapping[str, TermPart]:
        return {"": TermPart(variation_loss(pair.student, pair.teacher, pair.target.labels, self.classes))}


@dataclass(frozen=True)
class CWDOptions(TermOptions):
    weight: float = option(50.0, "weight of the term in the loss; CIRKD code: 50 on features, 3 on logits")
    temperature: float = option(4.0, "temperature of both distributions; CIRKD code")
    mask_ignored: bool = option(False, "distributions over annotated pixels alone; ours, CIRKD's code takes all")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.temperature <= 0:
            raise ValueError(f"temperature: expected above 0, got {self.temperature}")


class CWDTerm(Term):
    """CWD: channel-wise distributions over positions; the mean is over the channels before the adaptor (CIRKD code)."""

    options = CWDOptions
    equal_channels = True
    weighting = "any"
    leaves_out = True

    def __init__(self, options: CWDOptions, shape: TermShape) -> None:
        super().__init__(options, shape)
        self.chosen, self.channels = options, shape.student

    def forward(self, pair: FeaturePair) -> Mapping[str, TermPart]:
        counted = counted_pixels(pair, self.chosen.mask_ignored)
        how = self.chosen.temperature, self.channels
        return {"": TermPart(channel_divergence(pair.student, pair.teacher, *how, counted, pair.weight))}
