"""Edges of label maps, where labels are less certain than elsewhere.

Axes: b images, k classes, h rows, w columns.
"""

from typing import Literal, get_args

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Integer
from torch import Tensor

from seglet.types import IGNORE

Neighbourhood = Literal[4, 8]
_AROUND = ((0, 1), (1, 0), (1, 1), (1, -1))
"""Offsets to half of the eight neighbours, the first two of them to half of the four; the rest are their negatives."""


def label_edges(labels: Integer[Tensor, "b h w"], neighbours: Neighbourhood = 8) -> Bool[Tensor, "b h w"]:
    """Returns True for pixels with another label among their 4 or 8 neighbours; IGNORE is no edge and makes none.

    These are the pixels where the `laplacian` of some one-hot plane is not 0, as the paper means; the Laplacian of the
    label numbers themselves would miss edges where their differences cancel.

    Source: ViLaDiff Sec. 3.4; golden laplacian.
    """
    if neighbours not in get_args(Neighbourhood):
        raise ValueError(f"expected 4 or 8 neighbours, got {neighbours}")
    (rows, columns), edges = labels.shape[1:], torch.zeros_like(labels, dtype=torch.bool)
    known = labels != IGNORE
    for down, right in _AROUND[: neighbours // 2]:
        left, shifted = max(0, -right), max(0, right)
        here = (..., slice(0, rows - down), slice(left, columns - shifted))
        there = (..., slice(down, rows), slice(shifted, columns - left))
        differ = (labels[here] != labels[there]) & known[here] & known[there]
        edges[here] |= differ
        edges[there] |= differ
    return edges


def laplacian(planes: Float[Tensor, "b k h w"], neighbours: Neighbourhood = 8) -> Float[Tensor, "b k h w"]:
    """Computes the 3x3 Laplacian of each plane, with a repeated border: the neighbours minus 4 or 8 times the pixel."""
    kernel = planes.new_ones(3, 3)
    if neighbours == 4:
        kernel[::2, ::2] = 0
    kernel[1, 1] = -neighbours
    flat = planes.flatten(0, 1)[:, None]
    return F.conv2d(F.pad(flat, (1, 1, 1, 1), mode="replicate"), kernel[None, None])[:, 0].view_as(planes)


def edge_flip_rates(edges: Bool[Tensor, "b h w"], base: float = 0.1, more: float = 0.1) -> Float[Tensor, "b 1 h w"]:
    """Computes the probability β that one step flips a pixel's label: `base`, plus `more` on edges.

    Source: ViLaDiff Sec. 3.4: 0.1 and 0.1; golden laplacian (beta_map).
    """
    return base + more * edges[:, None].to(torch.get_default_dtype())
