"""`seglet predict --method`: what is done with each picture whose classes are known."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from seglet.files import replacing
from seglet.inference.explain import sheet
from seglet.inference.from_tags import TagMaps
from seglet.inference.inputs import Picture, place
from seglet.inference.known_tags import KnownTags
from seglet.inference.options import Seeing
from seglet.inference.predict import probabilities, shown
from seglet.inference.pseudo_label_set import NO_TAGS
from seglet.inference.write import Found, write


@dataclass(frozen=True)
class Tagging:
    """Masks of pictures by a method; those that the tags do not name are passed over."""

    model: TagMaps
    named: Sequence[Picture]
    tags: KnownTags
    out: Path
    seeing: Seeing
    explain: bool = False

    @property
    def pictures(self) -> list[Picture]:
        return [picture for picture in self.named if picture.path in self.tags.of]

    @property
    def passed_over(self) -> list[tuple[Picture, str]]:
        return [(picture, NO_TAGS) for picture in self.named if picture.path not in self.tags.of]

    @property
    def about(self) -> dict[str, Any]:
        """For JSON."""
        return {"tags": {"file": str(self.tags.source), "hash": self.tags.hash}, **self.seeing.as_dict()}

    @property
    def summary(self) -> dict[str, Any]:
        return {}

    def make(self, picture: Picture, image: UInt8[np.ndarray, "h w 3"]) -> dict[str, Any]:
        """Segments one picture and writes the results; says where they are and what was seen."""
        tags = self.tags.of[picture.path]
        scores = probabilities(self.model, image, tags, self.seeing)
        found = Found(scores.argmax(axis=0).astype(np.uint8), np.asarray(scores.max(axis=0)))
        names = [self.model.classes.names[label] for label in tags]
        written = write(found, image, picture.name, self.out, self.model.classes)
        return {**written, **self._explained(picture, image, found, tags), "tags": names}

    def _explained(
        self, picture: Picture, image: UInt8[np.ndarray, "h w 3"], found: Found, tags: Sequence[int]
    ) -> dict[str, str]:
        """Where the sheet is that shows how the mask came about, if one is wanted."""
        if not self.explain:
            return {}
        stages = self.model.explain(shown(image, self.seeing), tags, self.seeing.resize)
        file = place(self.out / "explained", picture.name, ".png")
        with replacing(file) as temporary:
            sheet(image, found.labels, tags, stages, self.model.classes).save(temporary, "PNG")
        return {"explained": file.relative_to(self.out).as_posix()}

    def finish(self, done: Sequence[dict[str, Any]]) -> list[str]:
        """What to do with the results."""
        return [
            f"masks, overlays and confidences are in {self.out}, and predictions.json says what became of each",
            f"next: look at {self.out / 'overlays'}; --refiner par or crf moves masks to edges, --pseudo-labels makes",
            "      them a data set to train on",
            *([f"how they came about is in {self.out / 'explained'}"] if self.explain else []),
        ]
