"""`seglet predict --method`: what is done with each image whose classes are known."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from seglet.files import replace_atomically
from seglet.inference.explain import explanation_sheet
from seglet.inference.from_tags import TagPredictor
from seglet.inference.inputs import ImageFile, result_path
from seglet.inference.known_tags import KnownTags
from seglet.inference.options import InferenceOptions
from seglet.inference.predict import brightened, predict_probabilities
from seglet.inference.pseudo_label_set import UNNAMED_BY_TAGS
from seglet.inference.write import PredictedMaps, write_maps


@dataclass(frozen=True)
class TaggedImagesJob:
    """Masks of images by a method; those that the tags do not name are passed over."""

    model: TagPredictor
    named: Sequence[ImageFile]
    tags: KnownTags
    out: Path
    options: InferenceOptions
    explain: bool = False

    @property
    def images(self) -> list[ImageFile]:
        return [image for image in self.named if image.path in self.tags.by_path]

    @property
    def passed_over(self) -> list[tuple[ImageFile, str]]:
        return [(image, UNNAMED_BY_TAGS) for image in self.named if image.path not in self.tags.by_path]

    @property
    def about(self) -> dict[str, Any]:
        """For JSON."""
        return {"tags": {"file": str(self.tags.source), "hash": self.tags.hash}, **self.options.as_dict()}

    @property
    def summary(self) -> dict[str, Any]:
        return {}

    def make(self, source: ImageFile, image: UInt8[np.ndarray, "h w 3"]) -> dict[str, Any]:
        """Segments one image and writes the results; says where they are and what was seen."""
        tags = self.tags.by_path[source.path]
        scores = predict_probabilities(self.model, image, tags, self.options)
        found = PredictedMaps(scores.argmax(axis=0).astype(np.uint8), np.asarray(scores.max(axis=0)))
        names = [self.model.classes.names[label] for label in tags]
        written = write_maps(found, image, source.name, self.out, self.model.classes)
        return {**written, **self._explained(source, image, found, tags), "tags": names}

    def _explained(
        self, source: ImageFile, image: UInt8[np.ndarray, "h w 3"], found: PredictedMaps, tags: Sequence[int]
    ) -> dict[str, str]:
        """Where the sheet is that shows how the mask came about, if one is wanted."""
        if not self.explain:
            return {}
        stages = self.model.explain(brightened(image, self.options), tags, self.options.resize)
        file = result_path(self.out / "explained", source.name, ".png")
        with replace_atomically(file) as temporary:
            explanation_sheet(image, found.labels, tags, stages, self.model.classes).save(temporary, "PNG")
        return {"explained": file.relative_to(self.out).as_posix()}

    def finish(self, done: Sequence[dict[str, Any]]) -> list[str]:
        """What to do with the results."""
        return [
            f"masks, overlays and confidences are in {self.out}, and predictions.json says what became of each",
            f"next: look at {self.out / 'overlays'}; --refiner par or crf moves masks to edges, --pseudo-labels makes",
            "      them a data set to train on",
            *([f"how they came about is in {self.out / 'explained'}"] if self.explain else []),
        ]
