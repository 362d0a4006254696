"""Attention stored in few bytes, as the softmax of products of short queries and keys.

Axes: b images, h rows and w columns of n = h·w patches, r channels of a query, c = 2 r.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from seglet.tensors import at_least_float32
from seglet.types import TensorRecord

_FLOOR = 1e-3
"""Smallest attention, as a share of uniform attention: smaller values would dominate by their logarithm."""

_SPARE, _ROUNDS = 8, 4
"""Directions searched beyond those that are kept, and rounds of the search."""


@dataclass(frozen=True)
class LowRankAttention(TensorRecord):
    """Queries and keys in half precision, which may be resized and cropped as maps before they are multiplied."""

    queries: Float[Tensor, "b n r"]
    keys: Float[Tensor, "b n r"]

    def dense(self) -> Float[Tensor, "b n n"]:
        """Returns the attention in single precision; rows sum to 1."""
        with torch.autocast(self.queries.device.type, enabled=False):
            return torch.bmm(self.queries.float(), self.keys.float().mT).softmax(dim=2)

    def maps(self, size: tuple[int, int]) -> Float[Tensor, "b h w c"]:
        """Returns queries, then keys, on their grid of `size` (h, w), as a grid column stores them."""
        return torch.cat([self.queries, self.keys], dim=2).reshape(len(self.queries), *size, -1)

    @classmethod
    def from_maps(cls, maps: Float[Tensor, "b h w c"]) -> "LowRankAttention":
        """Returns the attention among the patches of such maps, which may be resized or cropped."""
        queries, keys = maps.flatten(1, 2).chunk(2, dim=2)
        return cls(queries, keys)

    @property
    def image_bytes(self) -> int:
        """Number of bytes of one image."""
        return 2 * self.queries[0].numel() * self.queries.element_size()


@torch.no_grad()
def low_rank_attention(attention: Float[Tensor, "b n n"], rank: int = 32) -> LowRankAttention:
    """Computes the best low-rank product for the logarithm of attention, up to a constant per row.

    Rows sum to 1. An image takes 4 n `rank` bytes: 128 KiB for 32 × 32 patches and rank 32. A rank above n is n. The
    search for the singular vectors begins with columns of the matrix, so it needs no random numbers.

    Raises:
        ValueError: the rank is below 1.
    """
    if rank < 1:
        raise ValueError(f"expected a rank of at least 1, got {rank}")
    count = attention.shape[2]
    logs = at_least_float32(attention).clamp_min(_FLOOR / count).log_()
    logs -= logs.mean(dim=2, keepdim=True)
    with torch.autocast(attention.device.type, enabled=False):
        basis = _range(logs, min(count, rank + _SPARE))
        left, strength, right = torch.linalg.svd(basis.mT @ logs, full_matrices=False)
        kept = slice(min(rank, count))
        scale = strength[:, None, kept].sqrt()
        queries, keys = (basis @ left)[:, :, kept] * scale, right.mT[:, :, kept] * scale
    return LowRankAttention(queries.half(), keys.half())


def _range(matrix: Float[Tensor, "b n n"], size: int) -> Float[Tensor, "b n s"]:
    """Returns orthogonal directions that span nearly all of the best product of that rank."""
    columns = torch.linspace(0, matrix.shape[2] - 1, size, device=matrix.device).round().long()
    basis: Tensor = torch.linalg.qr(matrix[:, :, columns]).Q
    for _ in range(_ROUNDS):
        basis = torch.linalg.qr(matrix @ torch.linalg.qr(matrix.mT @ basis).Q).Q
    return basis
