"""Terms that treat the class of a pixel's label apart from the other classes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Integer
from torch import Tensor

from seglet.losses.distillation.logit_standardisation import check_standardised, standardise_logits
from seglet.losses.distillation.target_split import TargetSplit, decoupled_divergence, normalised_cross_entropy
from seglet.methods.distill.terms.base import FeaturePair, Term, TermOptions, TermPart, TermShape
from seglet.tensors import resize_labels
from seglet.types import IGNORE, option


@dataclass(frozen=True)
class TargetOptions(TermOptions):
    """Options of both terms."""

    tap: str = option("logits", "compared map; logits alone, whose channels are the classes of the labels")
    temperature: float = option(1.0, "temperature of both distributions")
    mask_ignored: bool = option(
        True, "distil only annotated pixels; if false, the teacher's class is the target of the others; ours"
    )
    standardise: bool = option(
        False, "compare z-scores of the logits, with temperature=2 in the paper; Sun et al., CVPR 2024"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.temperature <= 0:
            raise ValueError(f"temperature: expected above 0, got {self.temperature}")
        for place in (self.tap, self.teacher_tap or "logits"):
            if place != "logits":
                raise ValueError(f"tap: expected logits, whose channels are the classes of the labels, got {place}")


@dataclass(frozen=True)
class DKDOptions(TargetOptions):
    alpha: float = option(1.0, "weight of the target class against all others; DKD, Zhao et al., CVPR 2022")
    beta: float = option(8.0, "weight of the other classes among themselves; DKD for CIFAR-100, for ImageNet .5")
    temperature: float = option(4.0, "temperature of both distributions; DKD for CIFAR-100, for ImageNet 1")

    @property
    def off(self) -> bool:
        return super().off or self.alpha == self.beta == 0


@dataclass(frozen=True)
class NKDOptions(TargetOptions):
    gamma: float = option(1.5, "weight of the other classes among themselves; NKD, Yang et al., ICCV 2023")
    temperature: float = option(1.0, "temperature of the other classes' distributions; NKD for ImageNet")


class DKDTerm(Term):
    """DKD: the target class against all others, and the others among themselves, each with its weight."""

    options = DKDOptions
    equal_channels = True
    weighting = "pixel"

    def __init__(self, options: DKDOptions, shape: TermShape) -> None:
        super().__init__(options, shape)
        self.chosen = options
        if options.standardise:
            check_standardised(shape.teacher)

    def forward(self, pair: FeaturePair) -> Mapping[str, TermPart]:
        split = _compare(decoupled_divergence, pair, self.chosen)
        return {
            "target": TermPart(split.target, self.chosen.alpha),
            "others": TermPart(split.others, self.chosen.beta),
        }


class NKDTerm(Term):
    """NKD: cross-entropies of the target class, and of the others among themselves."""

    options = NKDOptions
    equal_channels = True
    weighting = "pixel"

    def __init__(self, options: NKDOptions, shape: TermShape) -> None:
        super().__init__(options, shape)
        self.chosen = options
        if options.standardise:
            check_standardised(shape.teacher)

    def forward(self, pair: FeaturePair) -> Mapping[str, TermPart]:
        split = _compare(normalised_cross_entropy, pair, self.chosen)
        return {"target": TermPart(split.target), "others": TermPart(split.others, self.chosen.gamma)}


def target_channels(pair: FeaturePair, mask_ignored: bool) -> Integer[Tensor, "b h w"]:
    """Returns the channel of each pixel's target; IGNORE where nothing is distilled.

    With `mask_ignored` these are pixels without annotation, which otherwise have the teacher's class as their target.
    """
    size = pair.student.shape[-2:]
    labels = resize_labels(pair.target.labels if pair.places is None else pair.places, size)
    if mask_ignored:
        return labels
    bare = resize_labels(pair.target.labels, size) == IGNORE
    return torch.where(bare, pair.teacher.argmax(dim=1), labels)


def _compare(loss: Callable[..., TargetSplit], pair: FeaturePair, options: TargetOptions) -> TargetSplit:
    student, teacher = pair.student, pair.teacher
    if options.standardise:
        student, teacher = standardise_logits(student), standardise_logits(teacher)
    return loss(student, teacher, target_channels(pair, options.mask_ignored), options.temperature, pair.weight)
