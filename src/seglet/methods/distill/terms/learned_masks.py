"""Term that distils features under masks, which tokens learn on the teacher's features."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn

from seglet.losses.distillation.learned_masks import mask_overlap, masked_distance, token_masks
from seglet.losses.task import cross_entropy
from seglet.methods.distill.terms.base import FeaturePair, Term, TermOptions, TermPart, TermShape
from seglet.types import option


@dataclass(frozen=True)
class MasKDOptions(TermOptions):
    tap: str = option("stage4", "compared map; here the backbone's last stage")
    tokens: int = option(6, "number of tokens, each with a mask of its own; ours")
    overlap: float = option(1.0, "weight of the overlap of the masks, which only the tokens learn from; ours")
    learning: float = option(1.0, "weight of the masked teacher's task loss, which only the tokens learn from; ours")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.tokens < 1:
            raise ValueError(f"tokens: expected at least 1, got {self.tokens}")


class MasKDTerm(Term):
    """MasKD: the squared difference of features under masks, whose tokens learn on the teacher's features beside it."""

    options = MasKDOptions
    equal_channels = True
    unweighted_because = "its masks say how much a pixel counts"

    def __init__(self, options: MasKDOptions, shape: TermShape) -> None:
        super().__init__(options, shape)
        self.chosen = options
        self.tokens = nn.Parameter(torch.randn(options.tokens, shape.teacher) / shape.teacher**0.5)
        self.classify = nn.Conv2d(shape.teacher, shape.classes, 1)

    def forward(self, pair: FeaturePair) -> Mapping[str, TermPart]:
        teacher = pair.teacher.detach()
        masks = token_masks(self.tokens, teacher)
        seen = self.classify(masks.sum(dim=1, keepdim=True) * teacher)
        return {
            "": TermPart(masked_distance(pair.student, teacher, masks.detach())),
            "tokens": TermPart(cross_entropy(seen, pair.target), self.chosen.learning),
            "overlap": TermPart(mask_overlap(masks), self.chosen.overlap),
        }
