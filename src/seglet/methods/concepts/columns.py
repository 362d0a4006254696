"""Producer of the column of class scores, which a student learns from. Axes: h rows, w columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch

from seglet.data.columns.kinds import ColumnKind, ColumnValue
from seglet.data.columns.producer import ColumnProducer, ComputeColumn, SamplePart
from seglet.data.dataset import Sample
from seglet.methods.concepts.asking import class_phrases, load_asked_teacher
from seglet.methods.concepts.config import Config
from seglet.models.foundation.concept_networks import CONCEPT_LAYOUT
from seglet.models.foundation.hub import find_model, parse_source
from seglet.models.image_tensor import image_batch
from seglet.types import Classes

CONCEPT_COLUMN = "concepts"


@dataclass(frozen=True)
class ConceptScores(ColumnProducer):
    """Producer of the scores of the tagged classes, [h, w, class] in 8 bits at the network's resolution.

    They are scores before thresholds, so that thresholds and all that follows can change without another column.
    """

    config: Config
    classes: Classes
    name: str = CONCEPT_COLUMN
    kind: ColumnKind = "grid"
    maker: str = "concept-scores/1"
    reads: ClassVar[tuple[SamplePart, ...]] = ("image", "tags")

    def identity(self) -> str:
        place, revision = parse_source(self.config.model)
        return find_model(place, "concept", CONCEPT_LAYOUT, revision).identity()

    def settings(self) -> Mapping[str, Any]:
        sentences, background = class_phrases(self.config, self.classes)
        plain = {"sentences": sentences, "background": background}
        return {**plain, "evidence": self.config.evidence, "precision": self.config.model_precision}

    def load(self, device: torch.device) -> ComputeColumn:
        teacher = load_asked_teacher(self.config, self.classes, device)
        everything = list(range(teacher.count))
        shape = teacher.scores(torch.zeros(1, 3, 8, 8, device=device), everything[:1]).maps.shape

        def compute(samples: Sequence[Sample]) -> list[ColumnValue]:
            values: list[ColumnValue] = []
            for sample in samples:
                wanted = everything if sample.tags is None else [label - 1 for label in sample.tags if label > 0]
                maps = teacher.scores(image_batch(sample.image).to(device), wanted).maps.expand(shape)
                whole = (maps.float() * 255).round().to(torch.uint8).permute(1, 2, 0)
                values.append(np.ascontiguousarray(whole.cpu().numpy()))
            return values

        return compute
