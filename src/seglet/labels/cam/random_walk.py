"""Propagation of class maps by random walks along an affinity of patches (AFA).

Axes: b images, k maps, h rows and w columns of n = h·w patches.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from seglet.tensors import at_least_float32, near_patches

_FLOOR = 0.1
"""Added to the sums of affinities that transitions are divided by; AFA, code."""


@torch.no_grad()
def affinity_transitions(
    affinity: Float[Tensor, "b n n"], grid: tuple[int, int], radius: int | None = 8, power: float = 2.0
) -> Float[Tensor, "b n n"]:
    """Returns the share of each patch (row) in the value that another (column) takes in one step of a walk.

    Affinities in [0, 1] are raised to a power, which leaves small ones out, and kept within `radius` rows and columns
    of the `grid` (h, w). Columns sum to 1, or less where all affinities are small.

    Raises:
        ValueError: the affinity is of another number of patches, or the radius is negative.

    Source: Ru et al., CVPR 2022 (AFA), Sec. 3.3: T = D⁻¹ A^α; code, propagte_aff_cam_with_bkg.
    """
    if affinity.shape[1] != grid[0] * grid[1]:
        raise ValueError(f"expected an affinity of {grid[0]} x {grid[1]} patches, got {tuple(affinity.shape)}")
    kept = at_least_float32(affinity) ** power * near_patches(grid, radius, affinity.device)
    return kept / (kept.sum(dim=1, keepdim=True) + _FLOOR)


@torch.no_grad()
def walk_along_affinity(
    maps: Float[Tensor, "b k h w"], transitions: Float[Tensor, "b n n"], steps: int = 1
) -> Float[Tensor, "b k h w"]:
    """Returns maps after steps of a random walk: each patch takes the weighted values of those that lead to it.

    Source: AFA, Sec. 3.3: vec(M) → T^t vec(M).
    """
    values = at_least_float32(maps).flatten(2)
    with torch.autocast(maps.device.type, enabled=False):
        for _ in range(steps):
            values = torch.bmm(values, transitions.to(values.dtype))
    return values.reshape(maps.shape)
