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

from seglet.data.dataset import resized
from seglet.evaluation.inference import decide
from seglet.evaluation.options import EvaluationOptions
from seglet.files import replacing
from seglet.images import overlay, write_mask
from seglet.inference.depth import Depths
from seglet.inference.inputs import ImageFile, place
from seglet.inference.options import Seeing
from seglet.inference.predict import Depth, probabilities, shown, taught_by_tags
from seglet.models.segmenter import Segmenter
from seglet.types import Classes

LONGEST_JPEG = 65500
"""Pixels a side that the format can hold."""


@dataclass(frozen=True)
class Settings:
    """How images are segmented: `samples` Monte-Carlo passes, of whole images seen once, or none.

    Raises:
        ValueError: they contradict each other.
    """

    samples: int = 0
    seed: int = 0
    seeing: Seeing = field(default_factory=Seeing)

    def __post_init__(self) -> None:
        if self.samples and self.seeing.window:
            raise ValueError("Monte-Carlo samples are taken of whole images; give --samples or --window, not both")
        if self.samples and not self.seeing.plain:
            raise ValueError("Monte-Carlo samples are taken of plain images; leave out --samples, or all of "
                             "--scales, --flip, --background…, --least-score and --refiner")  # fmt: skip
        if self.samples == 1:
            raise ValueError("one Monte-Carlo sample has no deviation; give --samples 2 or more, such as 10")

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"samples": self.samples, "seed": self.seed, **self.seeing.as_dict()}


@dataclass(frozen=True)
class Found:
    """Class, or IGNORE, and its probability for each pixel; `uncertainty` is a deviation summed over classes."""

    labels: UInt8[np.ndarray, "h w"]
    confidence: Float[np.ndarray, "h w"]
    uncertainty: Float[np.ndarray, "h w"] | None = None


@dataclass(frozen=True)
class Segmenting:
    """`seglet predict`: what is done with each image."""

    model: Segmenter
    images: Sequence[ImageFile]
    out: Path
    settings: Settings
    passed_over: Sequence[tuple[ImageFile, str]] = ()
    depths: Depths | None = None

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
        seen = resized(image, self.settings.seeing.resize)
        depth = None if self.depths is None else self.depths(seen, source.name)
        found = segment(self.model, image, self.settings, depth)
        return write(found, image, source.name, self.out, self.model.classes)

    def finish(self, done: Sequence[dict[str, Any]]) -> list[str]:
        """What to do with the results."""
        masks, classes = self.out / "masks", self.out / "classes.txt"
        return [
            f"masks, overlays and confidences are in {self.out}, and predictions.json says what became of each",
            f"next: look at {self.out / 'overlays'}; where the masks are right, they can be trained on:",
            f"      seglet data check IMAGES --masks {masks} --classes {classes}",
        ]


def segment(
    model: Segmenter, image: UInt8[np.ndarray, "h w 3"], settings: Settings, depth: Depth | None = None
) -> Found:
    """Images no larger than a window are taken whole; a network that learned from tags looks as its paper says."""
    seeing = settings.seeing
    if not seeing.plain or (taught_by_tags(model) and not settings.samples):
        scores = probabilities(model, image, None, seeing, depth)
        return Found(scores.argmax(axis=0).astype(np.uint8), np.asarray(scores.max(axis=0)))
    if seeing.brighten is not None:
        plain = replace(settings, seeing=replace(seeing, brighten=None))
        return segment(model, shown(image, seeing), plain, depth)
    if seeing.resize != 1:
        whole = replace(settings, seeing=replace(seeing, resize=1.0))
        return _enlarged(segment(model, resized(image, seeing.resize), whole, depth), image.shape[:2])
    window = seeing.window
    if window is not None and (image.shape[0] > window[0] or image.shape[1] > window[1]):
        return _in_windows(model, model.planes(image, depth), window, seeing.stride)
    seen = model.predict(image, settings.samples, settings.seed, depth)
    summed = None if seen.uncertainty is None else seen.uncertainty * len(model.classes)
    return Found(seen.labels, seen.confidence, summed)


def _enlarged(found: Found, size: tuple[int, int]) -> Found:
    """The maps at the size (h, w): classes of the nearest pixel, numbers between pixels interpolated."""

    def map_to(values: np.ndarray, how: Image.Resampling) -> np.ndarray:
        return np.array(Image.fromarray(values).resize(size[::-1], how))

    uncertainty = found.uncertainty
    return Found(
        map_to(found.labels, Image.Resampling.NEAREST),
        map_to(found.confidence, Image.Resampling.BILINEAR),
        None if uncertainty is None else map_to(uncertainty, Image.Resampling.BILINEAR),
    )


@torch.inference_mode()
def _in_windows(
    model: Segmenter, images: Float[Tensor, "1 planes h w"], window: tuple[int, int], stride: tuple[int, int] | None
) -> Found:
    decision = decide(model, images, options=EvaluationOptions(window=window, stride=stride))
    return Found(decision.labels[0].numpy(), decision.confidence[0].numpy())


def write(found: Found, image: UInt8[np.ndarray, "h w 3"], name: str, out: Path, classes: Classes) -> dict[str, Any]:
    """Writes all maps of one image, each whole or not at all; says where they are and what was seen.

    `shares` are those of all pixels; void ones have their own.
    """
    shown = ".jpg" if max(image.shape) <= LONGEST_JPEG else ".png"
    maps = {"mask": place(out / "masks", name, ".png"), "overlay": place(out / "overlays", name, shown)}
    write_mask(maps["mask"], found.labels, classes)
    _save(maps["overlay"], overlay(image, found.labels, classes))
    for kind, values in (("confidence", found.confidence), ("uncertainty", found.uncertainty)):
        if values is not None:
            maps[kind] = place(out / kind, name, ".png")
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
    with replacing(path) as temporary:
        Image.fromarray(values).save(temporary, form, quality=90)
