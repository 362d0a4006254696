"""Prediction of one class and one confidence per pixel, from whole images, windows, scales and flips.

Axes: b images, k classes, h rows, w columns.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float32, UInt8
from torch import Tensor

from seglet.evaluation.options import EvaluationOptions
from seglet.evaluation.sliding import (
    LogitBand,
    PredictLogits,
    assemble_bands,
    from_averaged,
    sliding_bands,
    to_averaged,
)
from seglet.models.network import finite_logits
from seglet.tensors import at_least_float32, resize_align_corners, resize_antialiased

_STRIP = 1 << 19  # logits at a time: several passes over them fit the cache


@dataclass(frozen=True)
class PredictedLabels:
    """Most probable class of each pixel (the first of equals) and its probability, on the CPU."""

    labels: UInt8[Tensor, "b h w"]
    confidence: Float32[Tensor, "b h w"]


def predict_logits(
    predict: PredictLogits, images: Float[Tensor, "b planes h w"], options: EvaluationOptions | None = None
) -> Float[Tensor, "b k h w"]:
    """Predicts class logits at the size of the images, averaged as the options say, in at least float32.

    Raises:
        DivergedError: they are not finite.
    """
    options = options or EvaluationOptions()
    size = (images.shape[-2], images.shape[-1])
    images = _squeezed(images, options)
    parts = _parts(predict, images, options)
    whole = assemble_bands(parts, images.shape[-2]) if _slides(options) else next(parts).logits
    return resize_align_corners(at_least_float32(whole), size)


def predict_labels(
    predict: PredictLogits,
    images: Float[Tensor, "b planes h w"],
    size: tuple[int, int] | None = None,
    options: EvaluationOptions | None = None,
) -> PredictedLabels:
    """Predicts classes at `size` (by default that of the images), from logits resized to it.

    With windows and no change of size, logits exist for the height of one window at a time.

    Raises:
        DivergedError: logits are not finite.
    """
    options = options or EvaluationOptions()
    size = size or (images.shape[-2], images.shape[-1])
    images = _squeezed(images, options)
    given = (images.shape[-2], images.shape[-1])
    parts = _parts(predict, images, options)
    if not _slides(options):
        parts = iter([LogitBand(0, resize_align_corners(at_least_float32(next(parts).logits), size))])
    elif size != given:
        parts = iter([LogitBand(0, resize_align_corners(at_least_float32(assemble_bands(parts, given[0])), size))])
    labels = torch.empty(len(images), *size, dtype=torch.uint8, device=images.device)
    confidence = torch.empty(len(images), *size, device=images.device)
    for band in parts:
        rows = slice(band.top, band.top + band.logits.shape[2])
        _write_labels(band.logits, labels[:, rows], confidence[:, rows])
    return PredictedLabels(labels.cpu(), confidence.cpu())


def _write_labels(logits: Tensor, labels: Tensor, confidence: Tensor) -> None:
    """Writes the top class and its probability, in strips, so that the softmax is never stored."""
    rows = max(_STRIP // (logits.shape[1] * logits.shape[3]), 1)
    for image in range(len(logits)):
        for top in range(0, logits.shape[2], rows):
            strip = logits[image, :, top : top + rows].float()
            best, index = strip.max(0)
            labels[image, top : top + rows] = index.to(torch.uint8)
            confidence[image, top : top + rows] = (strip - best).exp_().sum(0).reciprocal_()


def _squeezed(images: Float[Tensor, "b planes h w"], options: EvaluationOptions) -> Tensor:
    """Returns the images at the size that the options say, whatever their proportions."""
    return images if options.size is None else resize_antialiased(images, options.size)


def _slides(options: EvaluationOptions) -> bool:
    return options.window is not None and options.scales == (1.0,)


def _parts(predict: PredictLogits, images: Tensor, options: EvaluationOptions) -> Iterator[LogitBand]:
    """Yields bands at image size for windows at one scale; otherwise one band of all rows, at any resolution."""
    network = _mirrored(_fitted(lambda views: finite_logits(predict(views)), options.multiple), options)
    if options.scales != (1.0,):
        yield LogitBand(0, _at_scales(network, images, options))
    elif options.window is not None:
        yield from sliding_bands(network, images, options)
    else:
        yield LogitBand(0, network(images))


def nearest_multiple(length: int, multiple: int) -> int:
    """Rounds a length to the nearest multiple, halves up, at least to one multiple."""
    return max(int(length / multiple + 0.5), 1) * multiple


def _fitted(predict: PredictLogits, multiple: int) -> PredictLogits:
    def fitted(images: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        size = (nearest_multiple(height, multiple), nearest_multiple(width, multiple))
        return predict(resize_align_corners(images, size))

    return predict if multiple == 1 else fitted


def _mirrored(predict: PredictLogits, options: EvaluationOptions) -> PredictLogits:
    def mirrored(images: Tensor) -> Tensor:
        total = to_averaged(predict(images), options)
        total = total + to_averaged(predict(images.flip(-1)), options).flip(-1)
        return from_averaged(total.div_(2), options)

    return mirrored if options.flip else predict


def _at_scales(network: PredictLogits, images: Tensor, options: EvaluationOptions) -> Tensor:
    height, width = images.shape[-2:]
    total: Tensor | None = None
    for scale in options.scales:
        size = (max(round(height * scale), 1), max(round(width * scale), 1))
        resized = resize_align_corners(images, size)
        part = (
            network(resized)
            if options.window is None
            else assemble_bands(sliding_bands(network, resized, options), size[0])
        )
        part = to_averaged(resize_align_corners(at_least_float32(part), (height, width)), options)
        total = part.clone() if total is None else total.add_(part)
    if total is None:
        raise ValueError("no scale to predict at; give at least one")
    return from_averaged(total.div_(len(options.scales)), options)
