"""Checks of feature maps that are compared, and products of the unit vectors of their pixels.

Axes: b images, c channels, h rows, w columns; for a list of pixels b is their number and there is no `place`.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from seglet.tensors import at_least_float32

_DEAD = 1e-12
"""Length below which a vector has no direction."""
_LINE = 16
"""Number of float32 values in a processor's cache line."""


def check_same_shape(student: Tensor, teacher: Tensor) -> None:
    """Checks that the maps agree in every axis and are not empty.

    Raises:
        ValueError: they do not.
    """
    _check_not_empty(student)
    if student.shape != teacher.shape:
        raise ValueError(
            f"student map {tuple(student.shape)} and teacher map {tuple(teacher.shape)} differ;"
            " give the student the teacher's channels with a 1x1 adaptor and resize one map to the other's size"
        )


def check_same_places(student: Tensor, teacher: Tensor) -> None:
    """Checks that the maps agree in every axis but the channels and are not empty.

    Raises:
        ValueError: they do not.
    """
    _check_not_empty(student)
    check_same_pixels(student, teacher)


def _check_not_empty(student: Tensor) -> None:
    if not student.numel():
        raise ValueError(f"student map {tuple(student.shape)} is empty; leave empty batches out")


def check_same_pixels(student: Float[Tensor, "b _ h w"], teacher: Float[Tensor, "b2 _ h2 w2"]) -> None:
    """Checks that the maps are of the same number of images and of the same size; channels may differ.

    Raises:
        ValueError: they are not.
    """
    (images, _, *size), (others, _, *other_size) = student.shape, teacher.shape
    if images != others or size != other_size:
        raise ValueError(
            f"student map {tuple(student.shape)} and teacher map {tuple(teacher.shape)} differ in images or size;"
            " resize one of them first"
        )


def check_temperature(temperature: float) -> None:
    """Checks that a temperature is positive.

    Raises:
        ValueError: it is not.
    """
    if temperature <= 0:
        raise ValueError(f"temperature must be above 0, got {temperature}; 1 leaves the probabilities as they are")


def unit_vectors(features: Float[Tensor, "b c *place"]) -> Float[Tensor, "b c *place"]:
    """Scales each pixel's vector to length 1, in at least float32; a vector of zeros stays zero, without gradient.

    `F.normalize` alone multiplies the gradient of such a dead pixel by 1e12.
    """
    values: Tensor = at_least_float32(features)
    return values / vector_lengths(values)


def vector_lengths(features: Float[Tensor, "b c *place"]) -> Float[Tensor, "b 1 *place"]:
    """Computes the divisor of `unit_vectors`: each pixel's length, infinite if the pixel is dead."""
    length: Tensor = torch.linalg.vector_norm(features, dim=1, keepdim=True)
    return length.masked_fill(length < _DEAD, torch.inf)


def full_precision(tensor: Tensor) -> torch.autocast:
    """Returns a context in which products on the tensor's device keep their precision, whatever autocast is around."""
    return torch.autocast(tensor.device.type, enabled=False)


def whole_cache_lines(count: int) -> int:
    """Rounds a number of float32 values up to whole cache lines.

    Products are stored in rows of this length: rows that begin within a line can take half as long again.
    """
    return -(-count // _LINE) * _LINE
