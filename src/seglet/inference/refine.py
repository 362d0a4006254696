"""Refines the class probabilities of one image at its edges. Axes: k classes, h rows, w columns."""

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float32, UInt8
from torch import Tensor

from seglet.inference.options import SAM_MODEL, Refiner
from seglet.labels.refine import crf_settings
from seglet.labels.refine.crf import dense_crf, soft_labels
from seglet.labels.refine.pixel_adaptive import pamr, par
from seglet.labels.refine.segments import vote_in_segments

if TYPE_CHECKING:
    from seglet.inference.segments import SegmentSource

_CRF_SETTINGS = {
    "ssss": crf_settings.SSSS_CRF,
    "labels": crf_settings.LABELS_CRF,
    "weclip": crf_settings.WECLIP_CRF,
    "seco": crf_settings.SECO_CRF,
    "excel": crf_settings.EXCEL_CRF,
}


def refine_scores(
    scores: Float32[np.ndarray, "k h w"], image: UInt8[np.ndarray, "h w 3"], refiner: Refiner
) -> Float32[np.ndarray, "k h w"]:
    """Returns refined probabilities that sum to 1 over the classes; pixels without any score stay 0.

    Raises:
        ValueError: scores and image differ in size.
    """
    if scores.shape[1:] != image.shape[:2]:
        sizes = f"scores are {width_by_height(scores.shape[1:])}, the image {width_by_height(image.shape)}"
        raise ValueError(f"{sizes}; resize one of them")
    maps = torch.from_numpy(scores)[None]
    images = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
    if refiner.name == "sam":
        segments = _sam(refiner.model or SAM_MODEL).segments(images)
        return normalise_scores(vote_in_segments(maps[0], segments).numpy())
    return normalise_scores(_refined(maps, images, refiner)[0].numpy())


@lru_cache(maxsize=1)  # a refiner is named for each image anew, and processes get it by name
def _sam(source: str) -> "SegmentSource":
    from seglet.engine.console import print_message
    from seglet.inference.segments import SegmentSource
    from seglet.models.foundation.licences import licence_note

    print_message(licence_note(source))
    return SegmentSource.load(source)


def _refined(maps: Tensor, images: Tensor, refiner: Refiner) -> Tensor:
    if refiner.name == "pamr":
        return pamr(maps, images, steps=refiner.steps)
    if refiner.name == "par":
        return par(maps, images, steps=refiner.steps)
    return dense_crf(maps, images, replace(_CRF_SETTINGS[refiner.crf_settings], iterations=refiner.steps))


def label_probabilities(
    labels: UInt8[np.ndarray, "h w"], num_classes: int, refiner: Refiner, confidence: float
) -> Float32[np.ndarray, "k h w"]:
    """Returns label ids as probabilities: 1, or `confidence` for a CRF, which moves only what is not certain.

    All classes are equally probable at IGNORE.
    """
    sure = confidence if refiner.name == "crf" else 1.0
    return np.asarray(soft_labels(torch.from_numpy(labels)[None], num_classes, sure)[0].numpy(), np.float32)


def normalise_scores(scores: Float32[np.ndarray, "k h w"]) -> Float32[np.ndarray, "k h w"]:
    """Returns the scores divided by their sum over the classes; 0 where that is 0."""
    total = scores.sum(axis=0, keepdims=True)
    return np.asarray(np.divide(scores, total, out=np.zeros_like(scores), where=total > 0))


def width_by_height(shape: tuple[int, ...]) -> str:
    """Returns width and height as text, such as 640x480."""
    return f"{shape[1]}x{shape[0]}"
