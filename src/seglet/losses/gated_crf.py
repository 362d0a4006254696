"""The Gated CRF loss: near pixels of similar colour have one class, also where no label is.

Axes: b images, k classes, h rows, w columns of the logits.
"""

import math
from itertools import product

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from seglet.tensors import at_least_float32, shifted_pair
from seglet.types import IGNORE, Target


def gated_crf_loss(
    logits: Float[Tensor, "b k h w"],
    target: Target,
    images: Float[Tensor, "b 3 _ _"],
    radius: int = 5,
    colour: float = 0.1,
    distance: float = 6.0,
) -> Float[Tensor, ""]:
    """Computes the mean over pixels of Σ_j k(i, j) (1 - p(i)·p(j)), j in the window of `radius` around i but not i.

    k is exp(-|place(i) - place(j)|² / 2 `distance`² - |colour(i) - colour(j)|² / 2 `colour`²), of RGB in [0, 1] and
    places in pixels of the logits, to whose size images are averaged. The loss is at least 0, and at most about 90 with
    the defaults. Labels only gate: an image without an annotated pixel counts 0, and has a gradient of 0.

    Source: Obukhov et al., arXiv 1906.04651, with one kernel of places and colours; defaults of their code.
    """
    probabilities = at_least_float32(logits).softmax(dim=1)
    colours = F.adaptive_avg_pool2d(images.to(probabilities.dtype), (logits.shape[2], logits.shape[3]))
    known = (target.labels != IGNORE).flatten(1).any(dim=1)
    total = probabilities.sum() * 0
    for down, right in product(range(radius + 1), range(-radius, radius + 1)):
        if (down, right) <= (0, 0) or down >= logits.shape[2] or abs(right) >= logits.shape[3]:
            continue  # each pair once
        one, other = shifted_pair(colours, down, right)
        first, second = shifted_pair(probabilities, down, right)
        near = math.exp(-(down**2 + right**2) / (2 * distance**2))
        kernel = near * torch.exp(-(one - other).square().sum(dim=1) / (2 * colour**2))
        differ = kernel * (1 - (first * second).sum(dim=1))
        total = total + 2 * differ[known].sum()
    return total / max(int(known.sum()) * logits.shape[2] * logits.shape[3], 1)
