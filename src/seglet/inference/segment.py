"""Segments one image and writes its maps: mask, overlay, confidence, uncertainty. Axes: h rows, w columns."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Shaped, UInt8
from PIL import Image
from torch import Tensor

from seglet.evaluation.inference import predict_labels
from seglet.evaluation.options import EvaluationOptions
from seglet.files import path_below, replace_atomically
from seglet.images import overlay_labels, resize_by_factor, write_mask
from seglet.inference.options import InferenceOptions, SegmentOptions
from seglet.inference.predict import DepthMap, brightened, learned_from_tags, predict_probabilities, with_saved_defaults
from seglet.inference.thresholds import chosen_probability, class_thresholds, labels_above
from seglet.models.network import evaluation_copy
from seglet.models.segmenter import Segmenter
from seglet.types import Classes

_LONGEST_JPEG = 65500
"""Largest number of pixels a side that the format holds."""


@dataclass(frozen=True)
class PredictedMaps:
    """Class of each pixel, or IGNORE, and its probability; `uncertainty` is a deviation summed over classes."""

    labels: UInt8[np.ndarray, "h w"]
    confidence: Float[np.ndarray, "h w"]
    uncertainty: Float[np.ndarray, "h w"] | None = None


def found_shares(
    labels: UInt8[np.ndarray, "h w"], confidence: Float[np.ndarray, "h w"], classes: int
) -> list[tuple[int, float, float]]:
    """Returns label, share of the pixels and mean confidence of each of so many classes that occurs, largest first."""
    counts = np.bincount(labels.ravel(), minlength=classes)[:classes]
    sums = np.bincount(labels.ravel(), confidence.ravel(), minlength=classes)
    order = np.argsort(-counts, kind="stable")
    return [
        (int(label), float(counts[label] / labels.size), float(sums[label] / counts[label]))
        for label in order
        if counts[label]
    ]


def segment_image(
    model: Segmenter, image: Shaped[np.ndarray, "h w c"], settings: SegmentOptions, depth: DepthMap | None = None
) -> PredictedMaps:
    """Returns class, confidence and uncertainty of each pixel of an image.

    An image no larger than a window is taken whole. A network that learned from tags predicts as its paper does.
    """
    options = with_saved_defaults(model, settings.inference)
    if settings.samples:  # passes are of one view of the whole image
        options = settings.inference
    if not options.plain or (learned_from_tags(model) and not settings.samples):
        scores = predict_probabilities(model, image, None, options, depth)
        return decided_maps(scores, options, model.classes)
    if options.brighten is not None:
        plain = replace(settings, inference=replace(options, brighten=None))
        return segment_image(model, brightened(image, options), plain, depth)
    if options.resize != 1:
        whole = replace(settings, inference=replace(options, resize=1.0))
        return _enlarged(segment_image(model, resize_by_factor(image, options.resize), whole, depth), image.shape[:2])
    window = options.window
    if window is not None and (image.shape[0] > window[0] or image.shape[1] > window[1]):
        return _in_windows(model, model.prepare(image, depth), window, options.stride)
    found = model.predict(image, settings.samples, settings.seed, depth)
    summed = None if found.uncertainty is None else found.uncertainty * len(model.classes)
    return PredictedMaps(found.labels, found.confidence, summed)


def decided_maps(scores: Float[np.ndarray, "k h w"], options: InferenceOptions, classes: Classes) -> PredictedMaps:
    """Returns the class of each pixel and its probability: the most probable, or by the thresholds of the options."""
    labels = labels_above(scores, class_thresholds(options.thresholds, classes))
    return PredictedMaps(labels, chosen_probability(scores, labels))


def _enlarged(found: PredictedMaps, size: tuple[int, int]) -> PredictedMaps:
    """Returns the maps at the size (h, w): classes of the nearest pixel, numbers interpolated."""

    def map_to(values: np.ndarray, how: Image.Resampling) -> np.ndarray:
        return np.array(Image.fromarray(values).resize(size[::-1], how))

    uncertainty = found.uncertainty
    return PredictedMaps(
        map_to(found.labels, Image.Resampling.NEAREST),
        map_to(found.confidence, Image.Resampling.BILINEAR),
        None if uncertainty is None else map_to(uncertainty, Image.Resampling.BILINEAR),
    )


@torch.inference_mode()
def _in_windows(
    model: Segmenter, images: Float[Tensor, "1 planes h w"], window: tuple[int, int], stride: tuple[int, int] | None
) -> PredictedMaps:
    views = EvaluationOptions(window=window, stride=stride)
    decision = predict_labels(evaluation_copy(model), images, options=views)
    return PredictedMaps(decision.labels[0].numpy(), decision.confidence[0].numpy())


def write_maps(
    found: PredictedMaps, image: UInt8[np.ndarray, "h w 3"], name: str, out: Path, classes: Classes
) -> dict[str, Any]:
    """Writes all maps of one image, each whole or not at all; returns their paths, and facts for the record.

    `shares` are those of all pixels; void ones have their own.
    """
    ending = ".jpg" if max(image.shape) <= _LONGEST_JPEG else ".png"
    maps = {"mask": path_below(out / "masks", name, ".png"), "overlay": path_below(out / "overlays", name, ending)}
    write_mask(maps["mask"], found.labels, classes)
    _save(maps["overlay"], overlay_labels(image, found.labels, classes))
    for kind, values in (("confidence", found.confidence), ("uncertainty", found.uncertainty)):
        if values is not None:
            maps[kind] = path_below(out / kind, name, ".png")
            _save(maps[kind], _grey(values))
    return {**{kind: path.relative_to(out).as_posix() for kind, path in maps.items()}, **_facts(found, classes)}


def _facts(found: PredictedMaps, classes: Classes) -> dict[str, Any]:
    counts = np.bincount(found.labels.ravel(), minlength=len(classes))
    whole = found.labels.size
    shares = {classes.names[label]: float(counts[label] / whole) for label in np.flatnonzero(counts[: len(classes)])}
    facts: dict[str, Any] = {
        "size": list(found.labels.shape),
        "mean_confidence": float(found.confidence.mean()),
        "shares": shares,
    }
    if void := counts[len(classes) :].sum():
        facts["void"] = float(void / whole)
    return facts


def _grey(values: Float[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
    """Returns 0 to 1 as 0 to 255; values outside are clipped."""
    return np.asarray((values.clip(0, 1) * 255).round().astype(np.uint8))


def _save(path: Path, values: np.ndarray) -> None:
    form = "JPEG" if path.suffix == ".jpg" else "PNG"
    with replace_atomically(path) as temporary:
        Image.fromarray(values).save(temporary, form, quality=90)
