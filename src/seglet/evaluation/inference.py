"""From a network to one class and one confidence a pixel: whole images, windows, scales, flips.

Axes: b images, k classes, h rows, w columns.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float32, UInt8
from torch import Tensor

from seglet.evaluation.options import EvaluationOptions
from seglet.evaluation.sliding import Band, Predict, assemble, bands, finish, start
from seglet.tensors import at_least_float32, resize_align_corners

STRIP = 1 << 19  # logits at a time: several passes over them stay in cache


@dataclass(frozen=True)
class Decision:
    """The most probable class of each pixel (the first, if several are) and its probability, on the CPU."""

    labels: UInt8[Tensor, "b h w"]
    confidence: Float32[Tensor, "b h w"]


def logits(
    predict: Predict, images: Float[Tensor, "b planes h w"], options: EvaluationOptions | None = None
) -> Float[Tensor, "b k h w"]:
    """Class logits at image size, averaged as the options say."""
    options = options or EvaluationOptions()
    size = (images.shape[-2], images.shape[-1])
    parts = _parts(predict, images, options)
    whole = assemble(parts, size[0]) if _slides(options) else next(parts).logits
    return resize_align_corners(at_least_float32(whole), size)


def decide(
    predict: Predict,
    images: Float[Tensor, "b planes h w"],
    size: tuple[int, int] | None = None,
    options: EvaluationOptions | None = None,
) -> Decision:
    """Classes at `size` (that of the images if none), from logits resampled to it.

    With windows and no change of size, logits exist for one window's height at a time.
    """
    options = options or EvaluationOptions()
    given = (images.shape[-2], images.shape[-1])
    size = size or given
    parts = _parts(predict, images, options)
    if not _slides(options):
        parts = iter([Band(0, resize_align_corners(at_least_float32(next(parts).logits), size))])
    elif size != given:
        parts = iter([Band(0, resize_align_corners(at_least_float32(assemble(parts, given[0])), size))])
    labels = torch.empty(len(images), *size, dtype=torch.uint8, device=images.device)
    confidence = torch.empty(len(images), *size, device=images.device)
    for band in parts:
        rows = slice(band.top, band.top + band.logits.shape[2])
        _decide(band.logits, labels[:, rows], confidence[:, rows])
    return Decision(labels.cpu(), confidence.cpu())


def _decide(logits: Tensor, labels: Tensor, confidence: Tensor) -> None:
    """Writes the top class and its softmax; in strips, so that the softmax itself is never stored."""
    rows = max(STRIP // (logits.shape[1] * logits.shape[3]), 1)
    for image in range(len(logits)):
        for top in range(0, logits.shape[2], rows):
            strip = logits[image, :, top : top + rows].float()
            best, index = strip.max(0)
            labels[image, top : top + rows] = index.to(torch.uint8)
            confidence[image, top : top + rows] = (strip - best).exp_().sum(0).reciprocal_()


def _slides(options: EvaluationOptions) -> bool:
    return options.window is not None and options.scales == (1.0,)


def _parts(predict: Predict, images: Tensor, options: EvaluationOptions) -> Iterator[Band]:
    """Several bands at image size for windows at one scale; else one of all rows, at any resolution."""
    network = _mirrored(_fitted(predict, options.multiple), options)
    if options.scales != (1.0,):
        yield Band(0, _at_scales(network, images, options))
    elif options.window is not None:
        yield from bands(network, images, options)
    else:
        yield Band(0, network(images))


def nearest_multiple(length: int, multiple: int) -> int:
    """The multiple nearest to a length, upwards from the middle, and at least one."""
    return max(int(length / multiple + 0.5), 1) * multiple


def _fitted(predict: Predict, multiple: int) -> Predict:
    def fitted(images: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        size = (nearest_multiple(height, multiple), nearest_multiple(width, multiple))
        return predict(resize_align_corners(images, size))

    return predict if multiple == 1 else fitted


def _mirrored(predict: Predict, options: EvaluationOptions) -> Predict:
    def mirrored(images: Tensor) -> Tensor:
        total = start(predict(images), options)
        total = total + start(predict(images.flip(-1)), options).flip(-1)
        return finish(total.div_(2), options)

    return mirrored if options.flip else predict


def _at_scales(network: Predict, images: Tensor, options: EvaluationOptions) -> Tensor:
    height, width = images.shape[-2:]
    total: Tensor | None = None
    for scale in options.scales:
        size = (max(round(height * scale), 1), max(round(width * scale), 1))
        resized = resize_align_corners(images, size)
        part = network(resized) if options.window is None else assemble(bands(network, resized, options), size[0])
        part = start(resize_align_corners(at_least_float32(part), (height, width)), options)
        total = part.clone() if total is None else total.add_(part)
    if total is None:
        raise ValueError("no scale to predict at; give at least one")
    return finish(total.div_(len(options.scales)), options)
