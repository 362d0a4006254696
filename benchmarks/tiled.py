"""An image of 4096x4096 and 21 classes, window by window: our bands against sums for the whole image.

What is compared is the memory that classes and confidences of such an image take; how long both take stands beside
it. The network is as good as none, one mix of colours for each class, so all that differs is seen: with a real one the
times are nearer to each other.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks._harness import Result, in_turn
from benchmarks._memory import LiveBytes
from seglet.evaluation.inference import predict_labels
from seglet.evaluation.options import EvaluationOptions
from seglet.evaluation.sliding import PredictLogits, window_spans

SIDE, CLASSES, WINDOW, STRIDE = 4096, 21, 256, 192
NEAR = 1e-5
"""Sums in another order differ by this much of a probability."""


@dataclass(frozen=True)
class Found:
    """Class and confidence of every pixel."""

    labels: Tensor
    confidence: Tensor


@torch.inference_mode()
def run() -> Result:
    torch.set_num_threads(1)  # threads that wait for each other count as CPU time, most of all on a busy machine
    image = torch.rand(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    mix = torch.randn(CLASSES, 3, 1, 1, generator=torch.Generator().manual_seed(1))
    options = EvaluationOptions(window=(WINDOW, WINDOW), stride=(STRIDE, STRIDE))

    def predict(view: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b k h w"]:
        return torch.conv2d(view, mix)

    with LiveBytes() as ours:
        mine = in_bands(predict, image, options)
    with LiveBytes() as rival:
        theirs = whole(predict, image)
    same = torch.equal(mine.labels, theirs.labels)
    same = same and bool((mine.confidence - theirs.confidence).abs().max() <= NEAR)
    del mine, theirs
    taken, usual = in_turn((lambda: in_bands(predict, image, options), lambda: whole(predict, image)), 3)
    shapes = f"{SIDE}x{SIDE} pixels, {CLASSES} classes, window {WINDOW}, stride {STRIDE}; time x{taken / usual:.2f}"
    return Result("tiled", ours.peak, rival.peak, rival.peak / ours.peak, "bytes", same, shapes, 1)


def in_bands(predict: PredictLogits, image: Float[Tensor, "1 3 h w"], options: EvaluationOptions) -> Found:
    decision = predict_labels(predict, image, options=options)
    return Found(decision.labels, decision.confidence)


def whole(predict: PredictLogits, image: Float[Tensor, "1 3 h w"]) -> Found:
    """Logits of all windows summed for the whole image, divided by how many there were, then softmax and maximum."""
    total, count = torch.zeros(1, CLASSES, SIDE, SIDE), torch.zeros(SIDE, SIDE)
    for top, bottom in window_spans(SIDE, WINDOW, STRIDE):
        for left, right in window_spans(SIDE, WINDOW, STRIDE):
            total[..., top:bottom, left:right] += predict(image[..., top:bottom, left:right])
            count[top:bottom, left:right] += 1
    confidence, labels = total.div_(count).softmax(1).max(1)
    return Found(labels.to(torch.uint8), confidence)
