"""Class maps from the logits of a classifier at each place.

Axes: b images, c classes of the classifier, f foreground classes, h rows, w columns.
"""

import math
from collections.abc import Sequence
from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor

from seglet.methods.imagenet.config import PlaceScore
from seglet.tensors import at_least_float32


def group_maps(
    logits: Float[Tensor, "b c h w"], members: Sequence[Sequence[int]], score: PlaceScore, chance_level: float = 0.0
) -> Float[Tensor, "b f h w"]:
    """Returns the strength, from 0 up, of each group of classes at each place: of its strongest class.

    With `probability` it is the sum over the group. A group without members is 0 everywhere. The strongest of many
    classes is strong by chance: of `standard` scores, `chance_level` times `expected_highest` is subtracted.
    """
    values = at_least_float32(logits)
    if score == "standard":
        deviation = values.std(dim=1, correction=0, keepdim=True).clamp_min(1e-6)
        values = (values - values.mean(dim=1, keepdim=True)) / deviation
    elif score == "probability":
        values = values.softmax(dim=1)
    maps = values.new_zeros(len(values), len(members), *values.shape[2:])
    for place, group in enumerate(members):
        if group:
            own = values[:, list(group)]
            maps[:, place] = own.sum(dim=1) if score == "probability" else own.amax(dim=1)
            if score == "standard" and chance_level:
                maps[:, place] -= chance_level * expected_highest(len(group))
    return torch.relu(maps)


@cache
def expected_highest(count: int) -> float:
    """Returns the expected highest of `count` independent standard normal values, at least 1, by quadrature."""
    values = torch.linspace(-9.0, 9.0, 3601, dtype=torch.float64)
    normal = torch.exp(-values.square() / 2) / math.sqrt(2 * math.pi)
    density = count * normal * torch.special.ndtr(values) ** (count - 1)
    return float(torch.trapezoid(values * density, values))
