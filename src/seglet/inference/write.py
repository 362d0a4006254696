"""One image segmented and written: mask, overlay, confidence, uncertainty. Axes: h rows, w columns."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from seglet.evaluation.inference import predict_labels
from seglet.evaluation.options import EvaluationOptions
from seglet.files import replace_atomically
from seglet.images import overlay_labels, resize_by_factor, write_mask
from seglet.inference.depth import DepthSource
from seglet.inference.inputs import ImageFile, result_path
from seglet.inference.options import InferenceOptions
from seglet.inference.predict import DepthMap, brightened, learned_from_tags, predict_probabilities
from seglet.models.segmenter import Segmenter
from seglet.types import Classes

_LONGEST_JPEG = 65500
"""Pixels a side that the format can hold."""


@dataclass(frozen=True)
class SegmentOptions:
    """How images are segmented: `samples` Monte-Carlo passes, of whole images seen once, or none.

    Raises:
        ValueError: they contradict each other.
    """

    samples: int = 0
    seed: int = 0
    inference: InferenceOptions = field(default_factory=InferenceOptions)

    def __post_init__(self) -> None:
        if self.samples and self.inference.window:
            raise ValueError("Monte-Carlo samples are taken of whole images; give --samples or --window, not both")
        if self.samples and not self.inference.plain:
            raise ValueError("Monte-Carlo samples are taken of plain images; leave out --samples, or all of "
                             "--scales, --flip, --background…, --least-score and --refiner")  # fmt: skip
        if self.samples == 1:
            raise ValueError("one Monte-Carlo sample has no deviation; give --samples 2 or more, such as 10")

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"samples": self.samples, "seed": self.seed, **self.inference.as_dict()}


@dataclass(frozen=True)
class PredictedMaps:
    """Class, or IGNORE, and its probability for each pixel; `uncertainty` is a deviation summed over classes."""

    labels: UInt8[np.ndarray, "h w"]
    confidence: Float[np.ndarray, "h w"]
    uncertainty: Float[np.ndarray, "h w"] | None = None


@dataclass(frozen=True)
class SegmentationJob:
    """`seglet predict`: what is done with each image."""

    model: Segmenter
    images: Sequence[ImageFile]
    out: Path
    settings: SegmentOptions
    passed_over: Sequence[tuple[ImageFile, str]] = ()
    depths: DepthSource | None = None

    @property
    def about(self) -> dict[str, Any]:
        """For JSON."""
        return self.settings.as_dict()

    @property
    def summary(self) -> dict[str, Any]:
        """What there is to say of all images together, for JSON."""
        return {}

    def make(self, source: ImageFile, image: UInt8[np.ndarray, "h w 3"]) -> dict[str, Any]:
        """Segments one image and writes the results; says where they are and what was seen."""
        seen = resize_by_factor(image, self.settings.inference.resize)
        depth = None if self.depths is None else self.depths(seen, source.name)
        found = segment_image(self.model, image, self.settings, depth)
        return write_maps(found, image, source.name, self.out, self.model.classes)

    def finish(self, done: Sequence[dict[str, Any]]) -> list[str]:
        """What to do with the results."""
        masks, classes = self.out / "masks", self.out / "classes.txt"
        return [
            f"masks, overlays and confidences are in {self.out}, and predictions.json says what became of each",
            f"next: look at {self.out / 'overlays'}; where the masks are right, they can be trained on:",
            f"      seglet data check IMAGES --masks {masks} --classes {classes}",
        ]


def segment_image(
    model: Segmenter, image: UInt8[np.ndarray, "h w 3"], settings: SegmentOptions, depth: DepthMap | None = None
) -> PredictedMaps:
    """Images no larger than a window are taken whole; a network that learned from tags looks as its paper says."""
    seeing = settings.inference
    if not seeing.plain or (learned_from_tags(model) and not settings.samples):
        scores = predict_probabilities(model, image, None, seeing, depth)
        return PredictedMaps(scores.argmax(axis=0).astype(np.uint8), np.asarray(scores.max(axis=0)))
    if seeing.brighten is not None:
        plain = replace(settings, inference=replace(seeing, brighten=None))
        return segment_image(model, brightened(image, seeing), plain, depth)
    if seeing.resize != 1:
        whole = replace(settings, inference=replace(seeing, resize=1.0))
        return _enlarged(segment_image(model, resize_by_factor(image, seeing.resize), whole, depth), image.shape[:2])
    window = seeing.window
    if window is not None and (image.shape[0] > window[0] or image.shape[1] > window[1]):
        return _in_windows(model, model.prepare(image, depth), window, seeing.stride)
    seen = model.predict(image, settings.samples, settings.seed, depth)
    summed = None if seen.uncertainty is None else seen.uncertainty * len(model.classes)
    return PredictedMaps(seen.labels, seen.confidence, summed)


def _enlarged(found: PredictedMaps, size: tuple[int, int]) -> PredictedMaps:
    """The maps at the size (h, w): classes of the nearest pixel, numbers between pixels interpolated."""

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
    decision = predict_labels(model, images, options=EvaluationOptions(window=window, stride=stride))
    return PredictedMaps(decision.labels[0].numpy(), decision.confidence[0].numpy())


def write_maps(
    found: PredictedMaps, image: UInt8[np.ndarray, "h w 3"], name: str, out: Path, classes: Classes
) -> dict[str, Any]:
    """Writes all maps of one image, each whole or not at all; says where they are and what was seen.

    `shares` are those of all pixels; void ones have their own.
    """
    shown = ".jpg" if max(image.shape) <= _LONGEST_JPEG else ".png"
    maps = {"mask": result_path(out / "masks", name, ".png"), "overlay": result_path(out / "overlays", name, shown)}
    write_mask(maps["mask"], found.labels, classes)
    _save(maps["overlay"], overlay_labels(image, found.labels, classes))
    for kind, values in (("confidence", found.confidence), ("uncertainty", found.uncertainty)):
        if values is not None:
            maps[kind] = result_path(out / kind, name, ".png")
            _save(maps[kind], _grey(values))
    counts = np.bincount(found.labels.ravel(), minlength=len(classes))
    whole = found.labels.size
    shares = {classes.names[label]: float(counts[label] / whole) for label in np.flatnonzero(counts[: len(classes)])}
    seen: dict[str, Any] = {
        "size": list(found.labels.shape),
        "mean_confidence": float(found.confidence.mean()),
        "shares": shares,
    }
    if void := counts[len(classes) :].sum():
        seen["void"] = float(void / whole)
    return {**{kind: path.relative_to(out).as_posix() for kind, path in maps.items()}, **seen}


def _grey(values: Float[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
    """0 to 1 as 0 to 255; what lies outside is cut off."""
    return np.asarray((values.clip(0, 1) * 255).round().astype(np.uint8))


def _save(path: Path, values: np.ndarray) -> None:
    form = "JPEG" if path.suffix == ".jpg" else "PNG"
    with replace_atomically(path) as temporary:
        Image.fromarray(values).save(temporary, form, quality=90)
