"""Images larger than the network was made for, window by window, in memory that does not grow with their height.

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

Predict = Callable[[Float[Tensor, "b planes h w"]], Float[Tensor, "b k h2 w2"]]
"""Class logits, at any resolution, of RGB images in [0, 1]; depth may be a fourth plane."""

TINY = 1e-30  # least averaged probability: its logarithm stays finite


@dataclass(frozen=True)
class Band:
    """Finished logits of the rows from `top` on; valid until the next band is asked for."""

    top: int
    logits: Float[Tensor, "b k rows w"]


def windows(length: int, window: int, step: int, ragged: bool = False) -> list[tuple[int, int]]:
    """Start and end of the windows that cover one axis; one longer than the axis is cut to it.

    The last window is moved back to end flush with the axis, or is cut off there if `ragged`.
    """
    if ragged:
        return [(start, min(start + window, length)) for start in range(0, length, step)]
    window = min(window, length)
    starts = [*range(0, length - window, step), length - window]
    return [(start, start + window) for start in starts]


def bands(predict: Predict, images: Float[Tensor, "b planes h w"], options: EvaluationOptions) -> Iterator[Band]:
    """The logits of sliding windows, averaged where they overlap, from top to bottom.

    A row is handed out once no window can touch it again, so no more than one window's height is ever held.
    """
    if options.window is None:
        raise ValueError("sliding needs a window; set `window`")
    (height, width), sizes, ragged = options.window, images.shape[-2:], options.tail == "ragged"
    rows = windows(sizes[0], height, options.steps[0], ragged)
    columns = windows(sizes[1], width, options.steps[1], ragged)
    down, across = hits(rows, sizes[0], images.device), hits(columns, sizes[1], images.device)
    starts = [start for start, _ in rows]
    held: Tensor | None = None
    for (top, bottom), (_, following) in zip(rows, pairwise([*starts, sizes[0]]), strict=True):
        strip = _strip(predict, images[..., top:bottom, :], columns, options)
        if held is not None:
            strip[:, :, : held.shape[2]] += held
        done = following - top
        held = strip[:, :, done:].clone()
        share = down[top:following, None] * across
        yield Band(top, finish(strip[:, :, :done].div_(share), options))


def _strip(
    predict: Predict, images: Tensor, columns: list[tuple[int, int]], options: EvaluationOptions
) -> Float[Tensor, "b k rows w"]:
    """Sums of the windows of one row of windows."""
    total: Tensor | None = None
    for left, right in columns:
        view = images[..., left:right]
        part = start(resize_align_corners(at_least_float32(predict(view)), (view.shape[-2], view.shape[-1])), options)
        if total is None:
            total = part.new_zeros(*part.shape[:2], *images.shape[-2:])
        total[..., left:right] += part
    if total is None:
        raise ValueError(f"images of size {tuple(images.shape[-2:])} have no pixels")
    return total


def hits(spans: list[tuple[int, int]], length: int, device: torch.device) -> Float[Tensor, " n"]:
    """How many windows touch each position of an axis."""
    touched = torch.zeros(length, device=device)
    for begin, end in spans:
        touched[begin:end] += 1
    return touched


def assemble(parts: Iterator[Band], height: int) -> Float[Tensor, "b k h w"]:
    """Whole logits from bands; only here do they all exist at once."""
    whole: Tensor | None = None
    for band in parts:
        if whole is None:
            b, k, _, w = band.logits.shape
            whole = band.logits.new_empty(b, k, height, w)
        whole[:, :, band.top : band.top + band.logits.shape[2]] = band.logits
    if whole is None:
        raise ValueError("there are no bands to assemble")
    return whole


def start(logits: Tensor, options: EvaluationOptions) -> Tensor:
    """What is summed when predictions are averaged."""
    return logits.float() if options.average == "logits" else logits.float().softmax(1)


def finish(mean: Tensor, options: EvaluationOptions) -> Tensor:
    """Logits from what was averaged: the softmax of a logarithm of probabilities is those probabilities."""
    return mean if options.average == "logits" else mean.clamp_min_(TINY).log_()
