"""Labels that a network gives a picture, where it is sure enough. Axes: k classes, h rows, w columns."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from torch import Tensor

from seglet.apps.pseudo_options import PseudoSettings
from seglet.apps.refining import normalised, refine
from seglet.data.dataset import resized
from seglet.evaluation.inference import logits
from seglet.evaluation.options import EvaluationOptions
from seglet.models.layers import resize
from seglet.models.multiscale import MultiScale, predict_masks
from seglet.models.picture import as_batch, pad_to
from seglet.models.segmenter import SMALLEST_SIDE, Segmenter
from seglet.types import IGNORE

TAUGHT_BY_TAGS = ("ssss", "cam")
"""Heads whose masks are cleaned of classes that are not there, seen at several scales."""


@dataclass(frozen=True)
class PseudoLabels:
    """`scores` are probabilities of the classes that may be there, 0 for others; `labels` are IGNORE where unsure."""

    scores: Float32[np.ndarray, "k h w"]
    labels: UInt8[np.ndarray, "h w"]

    @property
    def confidence(self) -> Float32[np.ndarray, "h w"]:
        """The probability of the most probable class, also where it is not enough for a label."""
        return np.asarray(self.scores.max(axis=0))


def check_network(model: Segmenter, settings: PseudoSettings) -> None:
    """
    Raises:
        ValueError: an option is not for this kind of network.
    """
    name = model.architecture.name
    if model.architecture.head not in TAUGHT_BY_TAGS:
        if settings.background_power is not None:
            raise ValueError(f"--background-power is for ssss and cam networks, this is {name}; leave it out")
    elif settings.window is not None:
        raise ValueError(f"{name} scores the classes of whole pictures; leave --window out, or shrink with --resize")
    elif model.classes.background != 0:
        raise ValueError(f"{name} has the background as class 0, but its class 0 is {model.classes.names[0]!r}")


def pseudo_labels(
    model: Segmenter, image: UInt8[np.ndarray, "h w 3"], tags: tuple[int, ...] | None, settings: PseudoSettings
) -> PseudoLabels:
    """Only the classes among the tags, and background, compete; without tags (None) all do.

    Probabilities are those among the classes that compete: they sum to 1, unless none is possible.
    """
    kept = _possible(model, tags)
    scores = np.zeros((len(model.classes), *image.shape[:2]), np.float32)
    if kept:
        probable = normalised(see(model, image, tags, settings)[kept])
        scores[kept] = probable if settings.refiner is None else refine(probable, image, settings.refiner)
    labels = scores.argmax(axis=0).astype(np.uint8)
    confidence = scores.max(axis=0)
    labels[(confidence < settings.threshold) | (confidence == 0)] = IGNORE
    return PseudoLabels(scores, labels)


def _possible(model: Segmenter, tags: tuple[int, ...] | None) -> list[int]:
    if tags is None:
        return list(range(len(model.classes)))
    background = model.classes.background
    return sorted({*tags, *([] if background is None else [background])})


@torch.inference_mode()
def see(
    model: Segmenter, image: UInt8[np.ndarray, "h w 3"], tags: Sequence[int] | None, settings: PseudoSettings
) -> Float32[np.ndarray, "k h w"]:
    """What the network makes of a picture, in [0, 1], at the picture's size."""
    parameter = next(model.parameters())
    images = as_batch(resized(image, settings.resize)).to(parameter.device, parameter.dtype)
    taught = model.architecture.head in TAUGHT_BY_TAGS
    scores = _cleaned(model, images, tags, settings) if taught else _averaged(model, images, settings)
    return np.asarray(resize(scores.float(), (image.shape[0], image.shape[1]))[0].cpu().numpy())


def _cleaned(
    model: Segmenter, images: Float[Tensor, "1 3 h w"], tags: Sequence[int] | None, settings: PseudoSettings
) -> Float[Tensor, "1 k h w"]:
    given = {"scales": settings.scales, "flip": settings.flip, "background_power": settings.background_power}
    options = MultiScale(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
    present = None
    if tags is not None:
        present = images.new_zeros(1, len(model.classes) - 1)
        present[0, [label - 1 for label in tags]] = 1
    return predict_masks(_of_any_size(lambda view: model.network(view).logits), images, options, present).masks


def _averaged(model: Segmenter, images: Float[Tensor, "1 3 h w"], settings: PseudoSettings) -> Float[Tensor, "1 k h w"]:
    options = EvaluationOptions(window=settings.window, scales=settings.scales or (1.0,), flip=bool(settings.flip))
    return logits(_of_any_size(model), images, options).softmax(dim=1)


def _of_any_size(predict: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """The same for views too small for a network, of which the last row and column are repeated meanwhile."""

    def padded(view: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b k _ _"]:
        height, width = view.shape[2:]
        larger = pad_to(view, SMALLEST_SIDE)
        if larger is view:
            return predict(view)
        return resize(predict(larger), (larger.shape[2], larger.shape[3]))[..., :height, :width]

    return padded
