"""Pixels as directions in feature space, and where they may be multiplied.

Axes: b images, c channels, h rows, w columns; of pixels in a list, b is their number and there is no place.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from seglet.tensors import at_least_float32

DEAD = 1e-12
"""A vector shorter than this has no direction."""
LINE = 16
"""Values of float32 in a processor's cache line."""


def unit(features: Float[Tensor, "b c *place"]) -> Float[Tensor, "b c *place"]:
    """Each pixel's vector at length 1, in at least float32; a vector of zeros stays one and gets no gradient.

    `F.normalize` alone multiplies the gradient of such a dead pixel by 1e12.
    """
    values: Tensor = at_least_float32(features)
    return values / lengths(values)


def lengths(features: Float[Tensor, "b c *place"]) -> Float[Tensor, "b 1 *place"]:
    """What `unit` divides by: each pixel's length, infinite if it is dead."""
    length: Tensor = torch.linalg.vector_norm(features, dim=1, keepdim=True)
    return length.masked_fill(length < DEAD, torch.inf)


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


def whole_lines(count: int) -> int:
    """So many values or a few more, which fill whole cache lines.

    Products are stored in rows as long as this: rows that begin within a line can make them take half as long again.
    """
    return -(-count // LINE) * LINE
