"""Terms that compare class probabilities, or feature maps position by position."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from seglet.losses.distillation.cwd import channel_divergence
from seglet.losses.distillation.dist import correlation_loss
from seglet.losses.distillation.features import attention_transfer_loss, mean_squared_error
from seglet.losses.distillation.ifvd import variation_loss
from seglet.losses.distillation.kl import elementwise_kl_divergence, kl_divergence, soft_cross_entropy
from seglet.losses.distillation.skd_pairwise import coarse_pairwise_loss, pairwise_loss
from seglet.losses.task import annotated_pixels
from seglet.methods.distill.terms.base import Options, Pair, Part, Shape, Term
from seglet.types import option


@dataclass(frozen=True)
class KLOptions(Options):
    tap: str = option("logits", "where; on other maps than logits the channels are taken for classes")
    temperature: float = option(1.0, "softens both; CIRKD code")
    reduction: Literal["cirkd", "ifvd", "skd"] = option(
        "cirkd", "mean over pixels times T²; ifvd: mean over classes too, no T²; skd: cross-entropy, summed over images"
    )
    mask_ignored: bool = option(False, "annotated pixels only; CIRKD distils all")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.temperature <= 0:
            raise ValueError(f"temperature: expected above 0, got {self.temperature}")
        if self.reduction == "skd" and self.temperature != 1:
            raise ValueError(f"temperature: SKD's reduction has none, got {self.temperature}; leave it out")


class KL(Term):
    """Vanilla distillation, in one of the three published reductions."""

    options = KLOptions
    equal_channels = True
    weighable = True

    def __init__(self, options: KLOptions, shape: Shape) -> None:
        super().__init__(options, shape)
        self.chosen = options

    def forward(self, pair: Pair) -> Mapping[str, Part]:
        student, teacher, chosen = pair.student, pair.teacher, self.chosen
        counted = annotated_pixels(pair.target.labels, student.shape[-2:]) if chosen.mask_ignored else None
        if chosen.reduction == "skd":
            return {"": Part(soft_cross_entropy(student, teacher, pair.weight, counted))}
        reduce = kl_divergence if chosen.reduction == "cirkd" else elementwise_kl_divergence
        return {"": Part(reduce(student, teacher, chosen.temperature, pair.weight, counted))}


@dataclass(frozen=True)
class DISTOptions(Options):
    tap: str = option("logits", "where; on other maps than logits the channels are taken for classes")
    temperature: float = option(1.0, "softens both; the authors' segmentation code has none")
    beta: float = option(1.0, "of the relations between classes; DIST_KD code")
    gamma: float = option(1.0, "of the relations within a class; DIST_KD code")


class DIST(Term):
    """Correlations of class probabilities."""

    options = DISTOptions
    equal_channels = True

    def __init__(self, options: DISTOptions, shape: Shape) -> None:
        super().__init__(options, shape)
        self.chosen = options

    def forward(self, pair: Pair) -> Mapping[str, Part]:
        chosen = self.chosen
        value = correlation_loss(pair.student, pair.teacher, chosen.temperature, chosen.beta, chosen.gamma)
        return {"": Part(value)}


@dataclass(frozen=True)
class MSEOptions(Options):
    weight: float = option(10.0, "factor of the term in the sum; FitNet's in CIRKD code")


class MSE(Term):
    """Features as they are: FitNet's, and with `adaptor=bias` the plain MSE of DiffKD's code."""

    options = MSEOptions
    equal_channels = True

    def forward(self, pair: Pair) -> Mapping[str, Part]:
        return {"": Part(mean_squared_error(pair.student, pair.teacher))}


@dataclass(frozen=True)
class ATOptions(Options):
    weight: float = option(1e4, "factor of the term in the sum; CIRKD code")


class AT(Term):
    """Attention transfer."""

    options = ATOptions

    def forward(self, pair: Pair) -> Mapping[str, Part]:
        return {"": Part(attention_transfer_loss(pair.student, pair.teacher))}


@dataclass(frozen=True)
class SKDOptions(Options):
    weight: float = option(10.0, "factor of the term in the sum; CIRKD code")
    window: int = option(2, "side of the max-pooling that makes a place; CIRKD code")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.window < 1:
            raise ValueError(f"window: expected at least 1, got {self.window}")


class SKD(Term):
    """Structured distillation's pairwise term, as CIRKD's code has it."""

    options = SKDOptions

    def __init__(self, options: SKDOptions, shape: Shape) -> None:
        super().__init__(options, shape)
        self.window = options.window

    def forward(self, pair: Pair) -> Mapping[str, Part]:
        return {"": Part(pairwise_loss(pair.student, pair.teacher, self.window))}


@dataclass(frozen=True)
class CoarseSKDOptions(Options):
    weight: float = option(0.5, "factor of the term in the sum; SKD code")
    scale: float = option(0.5, "side of a place, as a share of the map's; SKD code")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.scale <= 1:
            raise ValueError(f"scale: expected above 0 and at most 1, got {self.scale}")


class CoarseSKD(Term):
    """The pairwise term of structured distillation's own code."""

    options = CoarseSKDOptions

    def __init__(self, options: CoarseSKDOptions, shape: Shape) -> None:
        super().__init__(options, shape)
        self.scale = options.scale

    def forward(self, pair: Pair) -> Mapping[str, Part]:
        return {"": Part(coarse_pairwise_loss(pair.student, pair.teacher, self.scale))}


@dataclass(frozen=True)
class IFVDOptions(Options):
    weight: float = option(20.0, "factor of the term in the sum; CIRKD code (IFVD's own: 200)")


class IFVD(Term):
    """Intra-class feature variation."""

    options = IFVDOptions

    def __init__(self, options: IFVDOptions, shape: Shape) -> None:
        super().__init__(options, shape)
        self.classes = shape.classes

    def forward(self, pair: Pair) -> Mapping[str, Part]:
        return {"": Part(variation_loss(pair.student, pair.teacher, pair.target.labels, self.classes))}


@dataclass(frozen=True)
class CWDOptions(Options):
    weight: float = option(50.0, "factor of the term in the sum; CIRKD code: 50 on features, 3 on logits")
    temperature: float = option(4.0, "softens both; CIRKD code")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.temperature <= 0:
            raise ValueError(f"temperature: expected above 0, got {self.temperature}")


class CWD(Term):
    """Channel-wise distillation; the mean divides by the channels the student has before its adaptor (CIRKD code)."""

    options = CWDOptions
    equal_channels = True

    def __init__(self, options: CWDOptions, shape: Shape) -> None:
        super().__init__(options, shape)
        self.temperature, self.channels = options.temperature, shape.student

    def forward(self, pair: Pair) -> Mapping[str, Part]:
        return {"": Part(channel_divergence(pair.student, pair.teacher, self.temperature, self.channels))}
