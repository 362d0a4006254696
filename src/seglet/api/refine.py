"""`seglet.refine`: probabilities of one image, moved to its edges."""

from dataclasses import replace

import numpy as np
from jaxtyping import Float32
from torch import Tensor

from seglet.api.keywords import as_refiner
from seglet.inference.options import Refiner
from seglet.inference.refine import refine_scores, width_by_height
from seglet.models.image_tensor import ImageLike, as_uint8, image_batch
from seglet.models.segmentation import Segmentation


def refine(
    probabilities: np.ndarray | Tensor | Segmentation,
    image: ImageLike | None = None,
    refiner: str | Refiner = "pamr",
    *,
    steps: int | None = None,
    crf_settings: str | None = None,
    sam_model: str | None = None,
    max_pixels: int | None = None,
) -> Float32[np.ndarray, "k h w"]:
    """Moves the borders between classes to the edges of an image.

    Args:
        probabilities: floats [classes, h, w] in [0, 1] at the size of the image, or a segmentation.
        image: the image, as a file, a PIL image, an array or a tensor; a segmentation knows its own.
        refiner: pamr, par, crf, or sam, which gives each segment of the image the mean of its pixels.
        steps: steps of the refiner, 10 if not given.
        crf_settings: strengths of the crf: ssss (the default), labels, weclip, seco or excel.
        sam_model: SAM or SAM 2 of the refiner sam: a name, hub id or folder.
        max_pixels: pixels that an image in a file may have, 64 million if not given.

    Returns:
        Probabilities that sum to 1 over the classes; a pixel that no class has reached stays 0.

    Raises:
        DataError: a file is no readable image, or too large.
        ValueError: there is no such refiner, maps and image differ in size, or a value is outside [0, 1].
    """
    chosen = as_refiner(refiner, steps, crf_settings, "ssss")
    assert chosen is not None  # a name or a refiner was given
    if sam_model is not None:
        chosen = replace(chosen, model=sam_model)
    if isinstance(probabilities, Segmentation):
        image = probabilities.image if image is None else image
        probabilities = probabilities.probabilities
    if image is None:
        raise ValueError("probabilities alone do not say where edges are; give the image too")
    scores = probabilities.detach().cpu().numpy() if isinstance(probabilities, Tensor) else probabilities
    pixels = as_uint8(image_batch(image, max_pixels=max_pixels))
    _check(scores, pixels)
    return refine_scores(np.asarray(scores, np.float32), pixels, chosen)


def _check(scores: np.ndarray, image: np.ndarray) -> None:
    if scores.ndim != 3 or scores.dtype.kind != "f":
        raise ValueError(f"expected maps of floats [classes, h, w], got {scores.dtype} {list(scores.shape)}")
    if scores.shape[1:] != image.shape[:2]:
        sizes = f"maps are {width_by_height(scores.shape[1:])}, the image {width_by_height(image.shape)}"
        raise ValueError(f"{sizes}; resize one of them")
    low, high = float(scores.min(initial=0)), float(scores.max(initial=0))
    if not (low >= 0 and high <= 1):
        raise ValueError(f"expected probabilities from 0 to 1, got {low:g} to {high:g}; take the softmax of logits")
