"""Edges of label maps, where labels are doubted more than elsewhere.

Axes: b images, k classes, h rows, w columns.
"""

from typing import Literal, get_args

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Integer
from torch import Tensor

from seglet.types import IGNORE

Neighbours = Literal[4, 8]
AROUND = ((0, 1), (1, 0), (1, 1), (1, -1))
"""Half of the eight neighbours, the first two of them half of the four; the others look back from there."""


def label_edges(labels: Integer[Tensor, "b h w"], neighbours: Neighbours = 8) -> Bool[Tensor, "b h w"]:
    """Pixels with another label beside them, of 4 or 8 neighbours. IGNORE is no edge and makes none.

    The same as a `laplacian` of the one-hot planes that is not 0 somewhere, which the paper means; that of the label
    numbers themselves would miss the edges where their differences cancel.

    Source: ViLaDiff Sec. 3.4; golden laplacian.
    """
    if neighbours not in get_args(Neighbours):
        raise ValueError(f"expected 4 or 8 neighbours, got {neighbours}")
    (rows, columns), edges = labels.shape[1:], torch.zeros_like(labels, dtype=torch.bool)
    known = labels != IGNORE
    for down, right in AROUND[: neighbours // 2]:
        left, shifted = max(0, -right), max(0, right)
        here = (..., slice(0, rows - down), slice(left, columns - shifted))
        there = (..., slice(down, rows), slice(shifted, columns - left))
        differ = (labels[here] != labels[there]) & known[here] & known[there]
        edges[here] |= differ
        edges[there] |= differ
    return edges


def laplacian(planes: Float[Tensor, "b k h w"], neighbours: Neighbours = 8) -> Float[Tensor, "b k h w"]:
    """The 3 x 3 Laplacian of each plane: the neighbours less `neighbours` times the pixel, the border repeated."""
    kernel = planes.new_ones(3, 3)
    if neighbours == 4:
        kernel[::2, ::2] = 0
    kernel[1, 1] = -neighbours
    flat = planes.flatten(0, 1)[:, None]
    return F.conv2d(F.pad(flat, (1, 1, 1, 1), mode="replicate"), kernel[None, None])[:, 0].view_as(planes)


def edge_rates(edges: Bool[Tensor, "b h w"], base: float = 0.1, more: float = 0.1) -> Float[Tensor, "b 1 h w"]:
    """The chance β of each pixel that one step flips its label: `base`, and `more` on top of it on edges.

    Source: ViLaDiff Sec. 3.4: 0.1 and 0.1; golden laplacian (beta_map).
    """
    return base + more * edges[:, None].to(torch.get_default_dtype())
