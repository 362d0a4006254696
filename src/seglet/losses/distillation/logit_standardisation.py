"""Standardisation of logits before they are compared.

Axes: b images, k classes, h rows, w columns.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from seglet.tensors import at_least_float32

_EQUAL = 1e-7
"""Deviation below which all logits of a pixel are taken for equal."""


def standardise_logits(logits: Float[Tensor, "b k h w"]) -> Float[Tensor, "b k h w"]:
    """Returns the z-scores of each pixel's logits over the classes, in at least float32: mean 0, deviation 1.

    Size and spread of the logits no longer matter, only the relations between classes; a pixel whose logits are all
    equal becomes zeros without gradient. The deviation divides by k - 1. Two classes keep nothing but their order,
    ±0.71, so there is no gradient.

    Source: Sun et al., «Logit Standardization in Knowledge Distillation», CVPR 2024; k - 1 as in the authors' code,
    where the paper prints k.
    """
    values: Tensor = at_least_float32(logits)
    centred = values - values.mean(dim=1, keepdim=True)
    squares = centred.square().sum(dim=1, keepdim=True) / max(values.shape[1] - 1, 1)
    deviation = squares.clamp_min(torch.finfo(values.dtype).tiny).sqrt()
    return centred / deviation.masked_fill(deviation < _EQUAL, torch.inf)


def check_standardised(classes: int) -> None:
    """Checks that z-scores of so many classes can be learned from.

    Raises:
        ValueError: there are fewer than 3.
    """
    if classes < 3:
        raise ValueError(f"standardise: z-scores of {classes} classes have no gradient; it needs 3, set it to false")
