"""PAMR by gathering and summing neighbours in one pass, against the formula with all neighbours side by side."""

from torch import Tensor

from benchmarks._refiners import STEPS, RefinerResult, compare, neighbours, refine
from seglet.labels.refine.pixel_adaptive import pamr


def run() -> RefinerResult:
    return compare("pamr", lambda masks, images: pamr(masks, images, steps=STEPS), plain)


def plain(masks: Tensor, images: Tensor) -> Tensor:
    contrast = neighbours(images, centre=True).std(dim=2, keepdim=True)
    unlike = (neighbours(images) - images[:, :, None]).abs() / (1e-8 + 0.1 * contrast)
    return refine(masks, (-unlike).mean(dim=1, keepdim=True).softmax(dim=2))
