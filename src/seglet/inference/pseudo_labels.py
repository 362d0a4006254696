"""Labels that a network gives an image, where it is sure enough. Axes: k classes, h rows, w columns."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, UInt8

from seglet.inference.options import PseudoLabelOptions
from seglet.inference.predict import DepthMap, Predictor, predict_probabilities
from seglet.types import IGNORE


@dataclass(frozen=True)
class PseudoLabels:
    """`scores` are probabilities of the classes that may be there, 0 for others; `labels` are IGNORE where unsure."""

    scores: Float32[np.ndarray, "k h w"]
    labels: UInt8[np.ndarray, "h w"]

    @property
    def confidence(self) -> Float32[np.ndarray, "h w"]:
        """The probability of the most probable class, also where it is not enough for a label."""
        return np.asarray(self.scores.max(axis=0))


def predict_pseudo_labels(
    model: Predictor,
    image: UInt8[np.ndarray, "h w 3"],
    tags: Sequence[int] | None,
    settings: PseudoLabelOptions,
    depth: DepthMap | None = None,
) -> PseudoLabels:
    """Only the classes among the tags, and background, are given; without tags (None) all may be."""
    scores = predict_probabilities(model, image, tags, settings.inference, depth)
    labels = scores.argmax(axis=0).astype(np.uint8)
    confidence = scores.max(axis=0)
    labels[(confidence < settings.threshold) | (confidence == 0)] = IGNORE
    return PseudoLabels(scores, labels)
