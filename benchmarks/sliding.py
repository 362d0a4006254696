"""Most bytes of tensors alive while windows slide over a tall image, against the usual sum over the whole image."""

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from benchmarks._harness import Result
from benchmarks._memory import LiveBytes
from seglet.evaluation.inference import predict_labels
from seglet.evaluation.options import EvaluationOptions
from seglet.evaluation.sliding import PredictLogits, window_spans

SIZE, CLASSES, WINDOW = (4096, 512), 21, 256


def run() -> Result:
    images = torch.rand(1, 3, *SIZE, generator=torch.Generator().manual_seed(0))
    mix = torch.randn(CLASSES, 3, generator=torch.Generator().manual_seed(1))
    options = EvaluationOptions(window=(WINDOW, WINDOW))

    def predict(view: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b k h w"]:
        return torch.einsum("kc,bchw->bkhw", mix, view)

    with LiveBytes() as ours:
        mine = predict_labels(predict, images, options=options).labels
    with LiveBytes() as rival:
        theirs = plain(predict, images, options)
    shapes = f"{SIZE[0]}x{SIZE[1]} pixels, {CLASSES} classes, window {WINDOW}"
    same = torch.equal(mine, theirs)
    return Result("sliding", ours.peak, rival.peak, rival.peak / ours.peak, "bytes", same, shapes, 1)


def plain(
    predict: PredictLogits, images: Float[Tensor, "b 3 h w"], options: EvaluationOptions
) -> UInt8[Tensor, "b h w"]:
    """Sums and counts of all windows for the whole image, then one division and one argmax."""
    height, width = images.shape[-2:]
    total = torch.zeros(len(images), CLASSES, height, width)
    count = torch.zeros(height, width)
    for top, bottom in window_spans(height, WINDOW, options.steps[0]):
        for left, right in window_spans(width, WINDOW, options.steps[1]):
            total[..., top:bottom, left:right] += predict(images[..., top:bottom, left:right])
            count[top:bottom, left:right] += 1
    return (total / count).argmax(1).to(torch.uint8)
