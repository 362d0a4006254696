"""Pseudo labels of one image: classes where the model is confident enough. Axes: k classes, h rows, w columns."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, UInt8

from seglet.images.pieces import number_pieces
from seglet.inference.options import PseudoLabelOptions
from seglet.inference.predict import DepthMap, Predictor, predict_probabilities
from seglet.types import IGNORE


@dataclass(frozen=True)
class PseudoLabels:
    """Probabilities of the possible classes, 0 for others, and labels, which are IGNORE where confidence is too low."""

    scores: Float32[np.ndarray, "k h w"]
    labels: UInt8[np.ndarray, "h w"]

    @property
    def confidence(self) -> Float32[np.ndarray, "h w"]:
        """Probability of the most probable class, also where it is too low for a label."""
        return np.asarray(self.scores.max(axis=0))


def predict_pseudo_labels(
    model: Predictor,
    image: UInt8[np.ndarray, "h w 3"],
    tags: Sequence[int] | None,
    settings: PseudoLabelOptions,
    depth: DepthMap | None = None,
) -> PseudoLabels:
    """Returns the pseudo labels of an image: of its tags and the background, or of all classes without tags (None)."""
    scores = predict_probabilities(model, image, tags, settings.inference, depth)
    labels = scores.argmax(axis=0).astype(np.uint8)
    confidence = scores.max(axis=0)
    labels[(confidence < settings.threshold) | (confidence == 0)] = IGNORE
    return PseudoLabels(scores, labels)


def keep_confident_regions(
    labels: UInt8[np.ndarray, "h w"], confidence: Float[np.ndarray, "h w"], least: float, area: int
) -> UInt8[np.ndarray, "h w"]:
    """Returns the labels with IGNORE in connected regions of low mean confidence or few pixels.

    Args:
        labels: label ids.
        confidence: their probabilities.
        least: mean confidence that a region of one class needs.
        area: pixels that it needs.
    """
    kept = labels.copy()
    if least <= 0 and area <= 1:
        return kept
    for label in np.unique(labels[labels != IGNORE]):
        region = number_pieces(labels == label)
        sizes = np.bincount(region.ravel())
        means = np.bincount(region.ravel(), confidence.ravel()) / np.maximum(sizes, 1)
        poor = (means < least) | (sizes < area)
        poor[0] = False  # the pixels of other classes
        kept[poor[region]] = IGNORE
    return kept
