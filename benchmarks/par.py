"""PAR by gathering and summing neighbours in one pass, against the formula with all neighbours side by side."""

import torch
from torch import Tensor

from benchmarks._refiners import STEPS, RefinerResult, compare, neighbours, refine
from seglet.labels.refine.neighbours import DILATIONS
from seglet.labels.refine.pixel_adaptive import par


def run() -> RefinerResult:
    return compare("par", lambda masks, images: par(masks, images, steps=STEPS), plain)


def plain(masks: Tensor, images: Tensor) -> Tensor:
    around = neighbours(images)
    unlike = (around - images[:, :, None]).abs() / (around.std(dim=2, keepdim=True) + 1e-8) / 0.3
    colour = (-unlike.square()).mean(dim=1, keepdim=True).softmax(dim=2)
    diagonal = 2**0.5
    ring = [diagonal, 1.0, diagonal, 1.0, 1.0, diagonal, 1.0, diagonal]
    distance = torch.tensor([d * step for d in DILATIONS for step in ring])
    near = (-(distance / (distance.std() + 1e-8) / 0.3).square()).softmax(dim=0)
    return refine(masks, colour + 0.01 * near[:, None, None])
