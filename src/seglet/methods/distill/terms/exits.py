"""Term that compares a student's stages with its teacher's logits, through exits of their own."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import nn

from seglet.losses.distillation.target_split import EnhancedForm, target_enhanced_cross_entropy
from seglet.methods.distill.terms.base import FeaturePair, Term, TermOptions, TermPart, TermShape
from seglet.methods.distill.terms.target_classes import target_channels
from seglet.models.distillation.logit_exit import LogitExit
from seglet.types import option


@dataclass(frozen=True)
class OFAOptions(TermOptions):
    tap: str = option("stage4", "map of the student; of logits themselves there is no exit")
    teacher_tap: str | None = option("logits", "compared map of the teacher; logits alone")
    gamma: float = option(1.5, "exponent of 1 + the teacher's probability of the target; OFA code, ResNet-18")
    form: EnhancedForm = option(
        "paper",
        "paper: Eq. 5; code: without the label's own cross-entropy, and the others' probabilities to gamma, too",
    )
    mask_ignored: bool = option(
        True, "distil only annotated pixels; if false, the teacher's class is the target of the others; ours"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.gamma < 0:
            raise ValueError(f"gamma: expected 0 or more, got {self.gamma}")
        if self.teacher is not None:
            raise ValueError("teacher: expected none, as an encoder has no logits; take another term, such as mse")
        if self.teacher_tap not in ("logits", None):
            raise ValueError(f"teacher_tap: expected logits, whose channels are classes, got {self.teacher_tap}")


class OFATerm(Term):
    """OFA: the logits of an exit at any place of the student; a sure teacher strengthens the target."""

    options = OFAOptions
    weighting = "pixel"
    leaves_out = True
    of_logits = True

    def __init__(self, options: OFAOptions, shape: TermShape) -> None:
        super().__init__(options, shape)
        self.chosen = options
        self.exit = nn.Identity() if options.tap == "logits" else LogitExit(shape.student, shape.teacher)

    def forward(self, pair: FeaturePair) -> Mapping[str, TermPart]:
        split = target_enhanced_cross_entropy(
            self.exit(pair.student),
            pair.teacher,
            target_channels(pair, self.chosen.mask_ignored),
            self.chosen.gamma,
            self.chosen.form,
            pair.weight,
        )
        return {"target": TermPart(split.target), "others": TermPart(split.others)}
