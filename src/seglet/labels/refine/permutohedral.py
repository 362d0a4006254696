"""Gaussian filtering at scattered points in feature space, in time linear in their number.

Points lie in simplices of a lattice. Filtering spreads each point's value over the vertices of its simplex, blurs along
the axes of the lattice, and gathers the result at the points. All three are products with sparse matrices, which are
built once for any number of channels and filterings.

Axes: n points, d dimensions, v = d + 1 vertices of a simplex, m vertices of the lattice in use, c channels.

Source: Adams, Baek and Davis, Fast High-Dimensional Filtering Using the Permutohedral Lattice, Eurographics 2010.
Scale, ties and the share lost at the border are those of Krähenbühl and Koltun's code, so results agree with it.
"""

import math
from dataclasses import dataclass, replace
from itertools import accumulate, combinations
from operator import mul

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

_BLOCK = 8192
"""Number of points treated at once: their data fit a processor's cache, and memory stays bounded."""


@dataclass(frozen=True)
class SparseRows:
    """Sparse matrix stored row by row; products add up in the order of storage, so they are deterministic."""

    columns: Int[Tensor, " e"]
    weights: Float[Tensor, " e"]
    starts: Int[Tensor, " rows_and_end"]

    def __matmul__(self, dense: Float[Tensor, "n c"]) -> Float[Tensor, "m c"]:
        return F.embedding_bag(
            self.columns, dense, self.starts, mode="sum", per_sample_weights=self.weights, include_last_offset=True
        )


@dataclass(frozen=True)
class PermutohedralLattice:
    """Lattice of n points, ready to filter; `corners` are the vertices around a point, `shares` its weights there."""

    splat: SparseRows
    blurs: tuple[SparseRows, ...]
    corners: Int[Tensor, "n v"]
    shares: Float[Tensor, "n v"]

    def filter(self, values: Float[Tensor, "n c"]) -> Float[Tensor, "n c"]:
        """Computes the sum over all points of value times exp(-distance² / 2), as far as the lattice approximates it.

        Distances are between features. A point's own weight is not 1 but depends on where it lies in its simplex.
        """
        table = self.spread(values)
        return torch.cat([self.gather(table, block) for block in self.blocks()])

    def spread(self, values: Float[Tensor, "n c"]) -> Float[Tensor, "m c"]:
        """Returns the values spread to the vertices and blurred: all of a filtering but `gather`."""
        table = self.splat @ values
        for blur in self.blurs:
            table = blur @ table
        return table

    def gather(self, table: Float[Tensor, "m c"], block: slice) -> Float[Tensor, "block c"]:
        """Returns the result of `spread` at a block of the points."""
        return F.embedding_bag(self.corners[block], table, mode="sum", per_sample_weights=self.shares[block])

    def blocks(self) -> list[slice]:
        """Returns the blocks of points for which `gather` is fastest."""
        return [slice(start, start + _BLOCK) for start in range(0, len(self.corners), _BLOCK)]

    def weighted(self, before: Float[Tensor, " n"], after: Float[Tensor, " n"]) -> "PermutohedralLattice":
        """Returns the lattice that multiplies values by `before` when it spreads and by `after` when it gathers."""
        sources = self.splat.columns.long()
        splat = replace(self.splat, weights=self.splat.weights * before[sources])
        return replace(self, splat=splat, shares=self.shares * after[:, None])


@dataclass(frozen=True)
class _Packing:
    """Encoding of a vertex as one integer.

    All coordinates of a vertex leave the same remainder when divided by d + 1. The remainder is the last digit, the
    quotients, counted from `lowest`, are the others; the last coordinate follows from the rest and has stride 0.
    """

    lowest: Int[Tensor, " v"]
    strides: Int[Tensor, " v"]

    def below(self, codes: Int[Tensor, " m"], axis: int) -> Int[Tensor, " m"]:
        """Returns the next vertices along an axis: every coordinate one less, that of the axis d more."""
        size = len(self.strides)
        down = torch.where(codes % size > 0, -1, size - 1 - self.strides.sum())
        return codes + down + self.strides[axis]


def build_lattice(features: Float[Tensor, "d n"], idle: int = 0) -> PermutohedralLattice:
    """Builds the lattice of n >= 1 points, whose features are in units of the Gaussian's standard deviation.

    The last `idle` points have no value and are not filtered; they only add vertices over which others blur.

    Raises:
        ValueError: the features span too many standard deviations for the integers that encode vertices.
    """
    d = len(features)
    packing = _packing(features)
    tables, corners, shares = [], [], []
    for block in torch.split(features, _BLOCK, dim=1):
        codes, weights = _simplices(block, packing)
        table, corner = torch.unique(codes.T, return_inverse=True)
        tables.append(table)
        corners.append(corner.int())
        shares.append(weights.T)
    codes = torch.unique(torch.cat(tables))
    for i, table in enumerate(tables):
        corners[i] = torch.searchsorted(codes, table, out_int32=True)[corners[i]]
    filtered = features.shape[1] - idle
    corner, share = torch.cat(corners)[:filtered], torch.cat(shares)[:filtered]
    blurs = tuple(_blur(codes, packing.below(codes, axis), share.dtype) for axis in range(d + 1))
    return PermutohedralLattice(_splat(corner, share, len(codes)), blurs, corner, share / (1 + 2.0**-d))


def _elevate(features: Float[Tensor, "d n"]) -> Float[Tensor, "v n"]:
    """Maps points to the plane of coordinate sum 0, where blurring the lattice is a Gaussian of deviation 1."""
    d = len(features)
    deviation = torch.tensor(math.sqrt(2 / 3) * (d + 1)).item()  # float32: a last bit moves points on a simplex's edge
    rows, after = [], torch.zeros_like(features[0])
    for j in range(d, 0, -1):
        scaled = features[j - 1] * (1 / math.sqrt(j * (j + 1)) * deviation)
        rows.append(after - j * scaled)
        after = after + scaled
    return torch.stack([after, *reversed(rows)])


def _simplices(features: Float[Tensor, "d n"], packing: _Packing) -> tuple[Int[Tensor, "v n"], Float[Tensor, "v n"]]:
    """Returns the encoded vertices of each point's simplex, by remainder, and the point's barycentric coordinates."""
    d = len(features)
    elevated = _elevate(features)
    quotient = (elevated * (1 / (d + 1))).round()
    rank = quotient.sum(0) + _rank(elevated - quotient * (d + 1))
    wrap = (rank < 0).to(rank.dtype) - (rank > d).to(rank.dtype)  # back into the plane
    rank, quotient = rank + wrap * (d + 1), quotient + wrap
    place = (d - rank).long()
    offset = (elevated - quotient * (d + 1)) * (1 / (d + 1))
    ascending = torch.empty_like(offset).scatter_(0, place, offset)
    weights = ascending - ascending.roll(1, 0)
    weights[0] += 1
    first = ((quotient.long() - packing.lowest[:, None]) * packing.strides[:, None]).sum(0, keepdim=True)
    steps = torch.empty_like(place).scatter_(0, place, packing.strides[:, None].expand_as(place))
    return torch.cat([first, 1 - steps[:-1]]).cumsum(0), weights


def _rank(values: Float[Tensor, "v n"]) -> Int[Tensor, "v n"]:
    """Ranks the values of each column, the largest first; of equal values the first comes first."""
    rank = torch.arange(len(values), dtype=torch.int8, device=values.device)[:, None].repeat(1, values.shape[1])
    rows = rank.unbind()
    for (i, one), (j, other) in combinations(enumerate(values.unbind()), 2):
        later = one < other
        rows[i].add_(later)
        rows[j].sub_(later.to(torch.int8))
    return rank


def _packing(features: Float[Tensor, "d n"]) -> _Packing:
    """Returns an encoding with room for every vertex around the points and its neighbours."""
    d = len(features)
    exact = features.double()
    low, high = exact.amin(1), exact.amax(1)
    axes = _elevate(torch.eye(d, dtype=torch.float64, device=features.device))
    ups, downs = axes.clamp(min=0), axes.clamp(max=0)
    lowest = ((ups * low + downs * high).sum(1) / (d + 1)).floor().long() - 3  # rounding, simplex, neighbour
    highest = ((ups * high + downs * low).sum(1) / (d + 1)).ceil().long() + 3
    room = (highest - lowest + 1).tolist()
    strides = [*accumulate(room[:-1], mul, initial=d + 1)]
    if max(room) > 1 << 18 or strides[-1] >= 1 << 62:
        span = [round(value, 1) for value in (high - low).tolist()]
        raise ValueError(f"the features span {span} standard deviations, too many for a lattice; widen the kernel")
    return _Packing(lowest, torch.tensor([*strides[:-1], 0], device=features.device))


def _splat(corners: Int[Tensor, "n v"], shares: Float[Tensor, "n v"], vertices: int) -> SparseRows:
    """Returns the matrix from points to vertices: each row lists the points around one vertex, in their order."""
    ascending, order = corners.flatten().sort(stable=True)
    ends = torch.arange(vertices + 1, dtype=ascending.dtype, device=corners.device)
    starts = torch.searchsorted(ascending, ends, out_int32=True)
    return SparseRows((order // corners.shape[1]).int(), shares.flatten()[order], starts)


def _blur(codes: Int[Tensor, " m"], wanted: Int[Tensor, " m"], dtype: torch.dtype) -> SparseRows:
    """Returns the blur along an axis: a vertex plus half of each neighbour; the lower one is `wanted`, if in use."""
    own = torch.arange(len(codes), device=codes.device)
    found = torch.searchsorted(codes, wanted).clamp_max(len(codes) - 1)
    below = torch.where(codes[found] == wanted, found, -1)
    above = torch.full_like(below, -1)
    above[below[below >= 0]] = own[below >= 0]
    columns = torch.stack([own, below, above], dim=1)
    kept = columns >= 0
    weights = torch.tensor([1.0, 0.5, 0.5], dtype=dtype, device=codes.device).expand(columns.shape)
    return SparseRows(columns[kept].int(), weights[kept], F.pad(kept.sum(1).cumsum(0), (1, 0)).int())
