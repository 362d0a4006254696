"""Class maps from the logits of a classifier at each place.

Axes: b images, c classes of the classifier, f foreground classes, h rows, w columns.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from seglet.methods.imagenet.config import PlaceScore
from seglet.tensors import at_least_float32


def group_maps(
    logits: Float[Tensor, "b c h w"], members: Sequence[Sequence[int]], score: PlaceScore
) -> Float[Tensor, "b f h w"]:
    """Returns the strength, from 0 up, of each group of classes at each place: of its strongest class.

    With `probability` it is the sum over the group. A group without members is 0 everywhere.
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
    return torch.relu(maps)
