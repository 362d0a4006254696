"""Prediction by sliding windows, in memory that does not grow with the height of the image.

Axes: b images, k classes, h rows, w columns.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor

from seglet.evaluation.options import EvaluationOptions
from seglet.tensors import at_least_float32, resize_align_corners

PredictLogits = Callable[[Float[Tensor, "b planes h w"]], Float[Tensor, "b k h2 w2"]]
"""Function from RGB images in [0, 1] to class logits at any resolution; depth may be a fourth plane."""

_TINY = 1e-30  # least averaged probability, so that its logarithm is finite


@dataclass(frozen=True)
class LogitBand:
    """Final logits of the rows from `top` on; valid until the next band is requested."""

    top: int
    logits: Float[Tensor, "b k rows w"]


def window_spans(length: int, window: int, step: int, ragged: bool = False) -> list[tuple[int, int]]:
    """Returns start and end of the windows that cover one axis; windows longer than the axis are cut to it.

    The last window is moved back to end with the axis, or is cut off there if `ragged`.
    """
    if ragged:
        return [(to_averaged, min(to_averaged + window, length)) for to_averaged in range(0, length, step)]
    window = min(window, length)
    starts = [*range(0, length - window, step), length - window]
    return [(to_averaged, to_averaged + window) for to_averaged in starts]


def sliding_bands(
    predict: PredictLogits, images: Float[Tensor, "b planes h w"], options: EvaluationOptions
) -> Iterator[LogitBand]:
    """Yields the logits of sliding windows, averaged where they overlap, from top to bottom.

    A row is yielded as soon as no later window covers it, so at most the height of one window is held.
    """
    if options.window is None:
        raise ValueError("sliding needs a window; set `window`")
    (height, width), sizes, ragged = options.window, images.shape[-2:], options.tail == "ragged"
    rows = window_spans(sizes[0], height, options.steps[0], ragged)
    columns = window_spans(sizes[1], width, options.steps[1], ragged)
    down, across = window_hits(rows, sizes[0], images.device), window_hits(columns, sizes[1], images.device)
    starts = [start for start, _ in rows]
    held: Tensor | None = None
    for (top, bottom), (_, following) in zip(rows, pairwise([*starts, sizes[0]]), strict=True):
        strip = _strip(predict, images[..., top:bottom, :], columns, options)
        if held is not None:
            strip[:, :, : held.shape[2]] += held
        done = following - top
        held = strip[:, :, done:].clone()
        share = down[top:following, None] * across
        yield LogitBand(top, from_averaged(strip[:, :, :done].div_(share), options))


def _strip(
    predict: PredictLogits, images: Tensor, columns: list[tuple[int, int]], options: EvaluationOptions
) -> Float[Tensor, "b k rows w"]:
    """Computes the sums of the windows of one row of windows."""
    total: Tensor | None = None
    for left, right in columns:
        view = images[..., left:right]
        part = to_averaged(
            resize_align_corners(at_least_float32(predict(view)), (view.shape[-2], view.shape[-1])), options
        )
        if total is None:
            total = part.new_zeros(*part.shape[:2], *images.shape[-2:])
        total[..., left:right] += part
    if total is None:
        raise ValueError(f"images of size {tuple(images.shape[-2:])} have no pixels")
    return total


def window_hits(spans: list[tuple[int, int]], length: int, device: torch.device) -> Float[Tensor, " n"]:
    """Counts the windows that cover each position of an axis."""
    counts = torch.zeros(length, device=device)
    for begin, end in spans:
        counts[begin:end] += 1
    return counts


def assemble_bands(parts: Iterator[LogitBand], height: int) -> Float[Tensor, "b k h w"]:
    """Assembles whole logits from bands; only here do they all exist at once."""
    whole: Tensor | None = None
    for band in parts:
        if whole is None:
            b, k, _, w = band.logits.shape
            whole = band.logits.new_empty(b, k, height, w)
        whole[:, :, band.top : band.top + band.logits.shape[2]] = band.logits
    if whole is None:
        raise ValueError("there are no bands to assemble")
    return whole


def to_averaged(logits: Tensor, options: EvaluationOptions) -> Tensor:
    """Returns what the options average, logits or probabilities, in float32."""
    return logits.float() if options.average == "logits" else logits.float().softmax(1)


def from_averaged(mean: Tensor, options: EvaluationOptions) -> Tensor:
    """Returns logits from an average of logits or of probabilities, whose logarithm is taken."""
    return mean if options.average == "logits" else mean.clamp_min_(_TINY).log_()
