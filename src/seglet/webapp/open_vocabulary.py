"""Masks of the classes that a user types, by a method that makes masks from tags. Axes: h rows, w columns."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import UInt8

from seglet.inference.from_tags import TagPredictor
from seglet.inference.options import InferenceOptions
from seglet.inference.predict import predict_maps, refined_probabilities
from seglet.values import choose_from
from seglet.webapp.predictors import ImagePrediction, ImagePredictor

_MOST_TAGS = 32
"""Tags of an image, at most."""
_MOST_VOCABULARIES = 4
"""Sets of tags that predictors are kept for."""


def parse_tags(text: str) -> list[str]:
    """Returns the tags in a text, between commas, semicolons or lines, each once.

    Raises:
        ValueError: there are none, or too many.
    """
    tags = list(dict.fromkeys(tag for part in re.split(r"[,;\n]", text) if (tag := " ".join(part.split()))))
    if not tags:
        raise ValueError("type what is in the image: tags with commas between, such as cat, dog")
    if len(tags) > _MOST_TAGS:
        raise ValueError(f"{len(tags)} tags were typed; give at most {_MOST_TAGS}")
    return tags


@dataclass
class OpenVocabulary(ImagePredictor):
    """Predictor that makes masks from typed tags.

    The tags are classes of `known`, or anything where `open_vocabulary` makes a predictor for any classes.
    """

    name: str
    known: TagPredictor | None
    open_vocabulary: Callable[[Sequence[str]], TagPredictor] | None = None
    options: InferenceOptions = field(default_factory=InferenceOptions)
    opened: dict[tuple[str, ...], TagPredictor] = field(default_factory=dict)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes known from the start; empty if there are none."""
        return () if self.known is None else tuple(self.known.classes.foreground.values())

    def labels(self, image: UInt8[np.ndarray, "h w 3"], name: str, tags: str) -> UInt8[np.ndarray, "h w"]:
        """Predicts the classes alone, among the tags and the background."""
        return self.predict(image, name, tags).labels

    def predict(self, image: UInt8[np.ndarray, "h w 3"], name: str, tags: str) -> ImagePrediction:
        """Predicts classes among the tags and the background; `maps` are the class maps before refinement."""
        names = parse_tags(tags)
        model = self._predictor(names)
        present = [model.classes.names.index(name) for name in names]
        raw = predict_maps(model, image, present, self.options)
        scores = refined_probabilities(raw, model, image, present, self.options.refiner)
        labels = scores.argmax(axis=0).astype(np.uint8)
        maps = {f"CAM of {name}": raw[label] for name, label in zip(names, present, strict=True)}
        message = "no uncertainty: a method makes masks without Monte-Carlo passes"
        return ImagePrediction(model.classes, labels, np.asarray(scores.max(axis=0)), None, maps, message)

    def _predictor(self, names: Sequence[str]) -> TagPredictor:
        """Returns a predictor that has these classes.

        Raises:
            ValueError: there is none; the message has the nearest class.
        """
        if self.known is not None:
            wrong = [name for name in names if name not in self.classes]
            if not wrong:
                return self.known
            if self.open_vocabulary is None:
                raise ValueError(f"there is no class {wrong[0]!r}; {choose_from(wrong[0], self.classes)}")
        if self.open_vocabulary is None:
            raise ValueError("nothing says which classes there are; start the page with --names")
        key = tuple(names)
        if key not in self.opened:
            while len(self.opened) >= _MOST_VOCABULARIES:
                self.opened.pop(next(iter(self.opened)))
            self.opened[key] = self.open_vocabulary(names)
        return self.opened[key]
