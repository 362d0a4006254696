"""Terms that generate the teacher's features from a part of the student's."""

from collections.abc import Mapping
from dataclasses import dataclass

from seglet.losses.distillation.afdcd import feature_distance
from seglet.methods.distill.terms.base import FeaturePair, Term, TermOptions, TermPart, TermShape
from seglet.models.distillation.afdcd import FeatureMasking
from seglet.types import option


@dataclass(frozen=True)
class MGDOptions(TermOptions):
    weight: float = option(2e-5, "weight of the term in the loss; MGD code, segmentation")
    tap: str = option("stage4", "compared map; the authors use the backbone's last stage")
    share: float = option(0.75, "fraction of pixels hidden at random; MGD code, segmentation")


class MGDTerm(Term):
    """MGD: the teacher's features are generated from the student's, of which random pixels are hidden."""

    options = MGDOptions
    unweighted_because = "a pixel is generated from others, of which most are hidden at random"

    def __init__(self, options: MGDOptions, shape: TermShape) -> None:
        super().__init__(options, shape)
        self.generation = FeatureMasking(shape.student, shape.teacher, share=options.share, always_align=False)

    def forward(self, pair: FeaturePair) -> Mapping[str, TermPart]:
        generated = self.generation(pair.student, generator=pair.generator)
        return {"": TermPart(feature_distance(generated, pair.teacher))}
