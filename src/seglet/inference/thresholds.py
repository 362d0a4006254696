"""Classes of pixels by a threshold of each class, for those that plain predictions miss or find too often.

Axes: k classes, h rows, w columns.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float, UInt8

from seglet.types import IGNORE, Classes
from seglet.values import choose_from


def class_thresholds(given: Sequence[str], classes: Classes) -> dict[int, float]:
    """Reads thresholds written as NAME=PROBABILITY; returns them by label id.

    Raises:
        ValueError: one is not of this form, names no class or a class twice, or is no probability above 0.
    """
    found: dict[int, float] = {}
    for text in given:
        name, _, number = text.rpartition("=")
        if name not in classes.names:
            raise ValueError(
                f"thresholds: expected CLASS=PROBABILITY, got {text!r}; {choose_from(name, classes.names)}"
            )
        try:
            least = float(number)
        except ValueError:
            least = -1.0
        if not 0 < least <= 1:
            raise ValueError(f"thresholds: expected a probability above 0 and up to 1 for {name!r}, got {number!r}")
        label = classes.names.index(name)
        if label in found:
            raise ValueError(f"thresholds: {name!r} is given twice; keep one")
        found[label] = least
    return found


def labels_above(
    probabilities: Float[np.ndarray, "k h w"], thresholds: Mapping[int, float]
) -> UInt8[np.ndarray, "h w"]:
    """Returns the class of each pixel where some classes have thresholds; without any, the most probable one.

    Without thresholds, a pixel in which no class has any probability is IGNORE.

    A class with a threshold takes the pixels where its probability reaches it; among several, the one that exceeds its
    own by the largest factor. Where none does, the most probable of the other classes is taken, and IGNORE if all
    classes have thresholds.
    """
    if not thresholds:
        labels = np.asarray(probabilities.argmax(axis=0), np.uint8)
        labels[probabilities.max(axis=0) == 0] = IGNORE
        return labels
    named = sorted(thresholds)
    others = [label for label in range(len(probabilities)) if label not in thresholds]
    factors = np.stack([probabilities[label] / thresholds[label] for label in named])
    reached = np.asarray(named, np.uint8)[factors.argmax(axis=0)]
    rest = np.full(reached.shape, IGNORE, np.uint8)
    if others:
        rest = np.asarray(others, np.uint8)[probabilities[others].argmax(axis=0)]
    return np.asarray(np.where(factors.max(axis=0) >= 1, reached, rest), np.uint8)


def chosen_probability(
    probabilities: Float[np.ndarray, "k h w"], labels: UInt8[np.ndarray, "h w"]
) -> Float[np.ndarray, "h w"]:
    """Returns the probability of the class that each pixel has; where it has none, of the most probable."""
    known = labels < len(probabilities)
    found = np.take_along_axis(probabilities, np.where(known, labels, 0)[None].astype(np.intp), axis=0)[0]
    return np.asarray(np.where(known, found, probabilities.max(axis=0)))
