"""The images that are worth labelling next: uncertain, of rare classes, unlike the others, or in dispute.

Axes: n images, m labelled images, k classes, c channels.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Float

from seglet.types import option
from seglet.values import choose_from

_LEAST_SHARE = 1e-4
"""Least share of pixels where the rarity of a class is computed, so that one never seen is not infinitely rare."""


@dataclass(frozen=True)
class ValueMix:
    """Weights of the parts of an image's value; the defaults are ours."""

    uncertainty: float = option(1.0, "mean uncertainty of the pixels: entropy, or deviation over Monte-Carlo passes")
    rarity: float = option(0.5, "predicted shares of the classes, each times -log of its share in the labelled images")
    diversity: float = option(1.0, "distance of the features from those of labelled and chosen images (k-centre)")
    disagreement: float = option(1.0, "mean difference between the probabilities of model and teacher")

    def __post_init__(self) -> None:
        weights = [getattr(self, field.name) for field in fields(self)]
        if min(weights) < 0 or not any(weights):
            raise ValueError(f"mix: expected weights of 0 or more, and one above it, got {weights}")

    @classmethod
    def parse(cls, given: Sequence[str]) -> "ValueMix":
        """Reads weights written as NAME=NUMBER; parts that are not named have none.

        Raises:
            ValueError: there is no such part, or its weight is no number of 0 or more.
        """
        names = [field.name for field in fields(cls)]
        weights = dict.fromkeys(names, 0.0)
        for text in given:
            name, _, number = text.partition("=")
            if name not in weights:
                raise ValueError(f"mix: there is no part {name!r} of an image's value; {choose_from(name, names)}")
            try:
                weights[name] = float(number or 1)
            except ValueError as error:
                raise ValueError(f"mix: expected NAME=NUMBER, got {text!r}") from error
        return cls(**weights) if given else cls()


@dataclass(frozen=True)
class ImageMeasures:
    """Measures of an image by a model: mean uncertainty and disagreement, shares of the classes, and its feature."""

    uncertainty: float
    shares: Float[np.ndarray, " k"]
    feature: Float[np.ndarray, " c"]
    disagreement: float = 0.0


@dataclass(frozen=True)
class ChosenImage:
    """An image that was chosen, by its index: its value when it was, and the parts, each in [0, 1]."""

    index: int
    value: float
    parts: dict[str, float]


@dataclass(frozen=True)
class LabelledImages:
    """Features of the images that are labelled already, and the shares of the classes in them, if these are known."""

    features: Float[np.ndarray, "m c"]
    shares: Float[np.ndarray, " k"] | None = None


def choose_next(
    images: Sequence[ImageMeasures], count: int, mix: ValueMix, labelled: LabelledImages | None = None
) -> list[ChosenImage]:
    """Chooses up to `count` images, one after the other, each the most valuable beside those before it.

    Uncertainty, rarity and disagreement are replaced by their ranks among all images, from 0 to 1, so their units do
    not matter. Diversity is the distance from the nearest labelled or chosen image, over the largest such distance;
    with this part alone the choice is k-centre greedy. Ties go to the first image.

    Source: Sener and Savarese, ICLR 2018, Alg. 1, for diversity; the mixture is ours.
    """
    if not images:
        return []
    weights = {field.name: getattr(mix, field.name) for field in fields(mix)}
    parts = {
        "uncertainty": _ranks([one.uncertainty for one in images]),
        "rarity": _ranks(_rarities(images, labelled).tolist()),
        "disagreement": _ranks([one.disagreement for one in images]),
    }
    steady = sum((weights[name] * ranks for name, ranks in parts.items()), np.zeros(len(images)))
    features = np.stack([one.feature for one in images]).astype(np.float64)
    apart = np.full(len(images), np.inf)
    for known in [] if labelled is None else labelled.features:
        apart = np.minimum(apart, np.linalg.norm(features - known, axis=1))
    waiting, chosen = np.ones(len(images), bool), list[ChosenImage]()
    while waiting.any() and len(chosen) < count:
        diversity = _shares_of_largest(apart, waiting)
        values = np.where(waiting, steady + weights["diversity"] * diversity, -np.inf)
        index = int(values.argmax())
        found = {**{name: float(ranks[index]) for name, ranks in parts.items()}, "diversity": float(diversity[index])}
        chosen.append(ChosenImage(index, float(values[index]), found))
        waiting[index] = False
        apart = np.minimum(apart, np.linalg.norm(features - features[index], axis=1))
    return chosen


def _rarities(images: Sequence[ImageMeasures], labelled: LabelledImages | None) -> Float[np.ndarray, " n"]:
    """Returns the mean -log share of the classes that the images are predicted to show.

    Shares are those of the labelled images, or else of the predictions for all images.
    """
    shown = np.stack([one.shares for one in images])
    shares = shown.mean(0) if labelled is None or labelled.shares is None else labelled.shares
    return np.asarray(shown @ -np.log(np.maximum(shares, _LEAST_SHARE)))


def _ranks(values: Sequence[float]) -> Float[np.ndarray, " n"]:
    """Returns the rank of each value over the highest, from 0 to 1; equal values share the mean of theirs."""
    array = np.asarray(values, np.float64)
    below = (array[:, None] > array).sum(1)
    same = (array[:, None] == array).sum(1)
    return np.asarray((below + (same - 1) / 2) / max(len(array) - 1, 1))


def _shares_of_largest(apart: Float[np.ndarray, " n"], waiting: np.ndarray) -> Float[np.ndarray, " n"]:
    """Returns distances over the largest that is left; 1 for all while there is nothing to be distant from."""
    if np.isinf(apart).all():
        return np.ones(len(apart))
    return np.asarray(apart / max(float(apart[waiting].max()), 1e-12))
