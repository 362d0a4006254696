"""Pixels as directions in feature space, and where they may be multiplied.

Axes: b images, c channels, h rows, w columns.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from seglet.losses.pixel import precise

DEAD = 1e-12
"""A vector shorter than this has no direction."""


def unit(features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    """Each pixel's vector at length 1, in at least float32; a vector of zeros stays one and gets no gradient.

    `F.normalize` alone multiplies the gradient of such a dead pixel by 1e12.
    """
    values: Tensor = precise(features)
    length: Tensor = torch.linalg.vector_norm(values, dim=1, keepdim=True)
    return values / length.masked_fill(length < DEAD, torch.inf)


def full_precision(tensor: Tensor) -> torch.autocast:
    """A block in which products of tensors like this one keep their precision whatever autocast surrounds it."""
    return torch.autocast(tensor.device.type, enabled=False)


def same_pixels(student: Float[Tensor, "b _ h w"], teacher: Float[Tensor, "b2 _ h2 w2"]) -> None:
    """Checks that the maps show the same images at the same size; channels may differ.

    Raises:
        ValueError: they do not.
    """
    (images, _, *size), (others, _, *other_size) = student.shape, teacher.shape
    if images != others or size != other_size:
        raise ValueError(
            f"student map {tuple(student.shape)} and teacher map {tuple(teacher.shape)} differ in images or size;"
            " resize one of them first"
        )
