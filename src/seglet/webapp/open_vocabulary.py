"""Masks of the classes that a person types, by a method that needs no training. Axes: h rows, w columns."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import UInt8

from seglet.inference.from_tags import TagPredictor
from seglet.inference.options import InferenceOptions
from seglet.inference.predict import predict_maps, refined_probabilities
from seglet.values import choose_from
from seglet.webapp.answers import Answer, Viewer

MOST = 32
"""Tags of an image."""
KEPT = 4
"""Sets of words whose maps are kept ready."""


def typed(text: str) -> list[str]:
    """The tags in a text, between commas, semicolons or lines, each once.

    Raises:
        ValueError: there is none, or are too many.
    """
    tags = list(dict.fromkeys(tag for part in re.split(r"[,;\n]", text) if (tag := " ".join(part.split()))))
    if not tags:
        raise ValueError("type what is in the image: tags with commas between, such as cat, dog")
    if len(tags) > MOST:
        raise ValueError(f"{len(tags)} tags were typed; at most {MOST} are looked for at once")
    return tags


@dataclass
class Words(Viewer):
    """A method that makes masks from tags: for classes that it knows from the start, or for any words (`learn`).

    Without either only the classes of `known` can be typed.
    """

    name: str
    known: TagPredictor | None
    learn: Callable[[Sequence[str]], TagPredictor] | None = None
    seeing: InferenceOptions = field(default_factory=InferenceOptions)
    learned: dict[tuple[str, ...], TagPredictor] = field(default_factory=dict)

    @property
    def classes(self) -> tuple[str, ...]:
        """What can be typed; empty if anything can."""
        return () if self.known is None else tuple(self.known.classes.foreground.values())

    def labels(self, image: UInt8[np.ndarray, "h w 3"], name: str, tags: str) -> UInt8[np.ndarray, "h w"]:
        return self.answer(image, name, tags).labels

    def answer(self, image: UInt8[np.ndarray, "h w 3"], name: str, tags: str) -> Answer:
        """Classes among the tags and background compete; `maps` are those before anything is refined."""
        words = typed(tags)
        model = self._model(words)
        present = [model.classes.names.index(word) for word in words]
        raw = predict_maps(model, image, present, self.seeing)
        scores = refined_probabilities(raw, model, image, present, self.seeing.refiner)
        labels = scores.argmax(axis=0).astype(np.uint8)
        maps = {f"CAM of {word}": raw[label] for word, label in zip(words, present, strict=True)}
        remark = "no uncertainty: a method makes masks without Monte-Carlo passes"
        return Answer(model.classes, labels, np.asarray(scores.max(axis=0)), None, maps, remark)

    def _model(self, words: Sequence[str]) -> TagPredictor:
        if self.known is not None:
            wrong = [word for word in words if word not in self.classes]
            if not wrong:
                return self.known
            if self.learn is None:
                raise ValueError(f"there is no class {wrong[0]!r}; {choose_from(wrong[0], self.classes)}")
        if self.learn is None:
            raise ValueError("nothing says which classes there are; start the page with --names")
        key = tuple(words)
        if key not in self.learned:
            while len(self.learned) >= KEPT:
                self.learned.pop(next(iter(self.learned)))
            self.learned[key] = self.learn(words)
        return self.learned[key]
