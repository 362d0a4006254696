"""Attention in few bytes: as the softmax of products of short queries and keys.

Axes: b images, h rows and w columns of n = h·w patches, r channels of a query, c = 2 r.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from seglet.tensors import at_least_float32
from seglet.types import Movable

FLOOR = 1e-3
"""Attention below this share of even attention counts as that share: its logarithm would drown the rest."""

SPARE, ROUNDS = 8, 4
"""Directions searched for beyond those kept, and rounds of the search."""


@dataclass(frozen=True)
class LowRankAttention(Movable):
    """Half precision. Being queries and keys they may be resized and cropped as maps before they meet."""

    queries: Float[Tensor, "b n r"]
    keys: Float[Tensor, "b n r"]

    def dense(self) -> Float[Tensor, "b n n"]:
        """Rows sum to 1; in single precision."""
        with torch.autocast(self.queries.device.type, enabled=False):
            return torch.bmm(self.queries.float(), self.keys.float().mT).softmax(dim=2)

    def maps(self, size: tuple[int, int]) -> Float[Tensor, "b h w c"]:
        """Queries, then keys, on their grid of `size` (h, w): what a grid column stores."""
        return torch.cat([self.queries, self.keys], dim=2).reshape(len(self.queries), *size, -1)

    @classmethod
    def of_maps(cls, maps: Float[Tensor, "b h w c"]) -> "LowRankAttention":
        """From such maps, also resized or cropped: the attention among the patches of the crop."""
        queries, keys = maps.flatten(1, 2).chunk(2, dim=2)
        return cls(queries, keys)

    @property
    def image_bytes(self) -> int:
        """Of one image."""
        return 2 * self.queries[0].numel() * self.queries.element_size()


@torch.no_grad()
def low_rank_attention(attention: Float[Tensor, "b n n"], rank: int = 32) -> LowRankAttention:
    """The best product of that rank for the logarithm of attention, up to what the softmax takes off each row.

    Rows sum to 1. An image takes 4 n `rank` bytes: 128 KiB for 32 × 32 patches and rank 32. A rank above n is n. The
    singular vectors are found by a search that begins with columns of the matrix, so that nothing is drawn.

    Raises:
        ValueError: a rank below 1.
    """
    if rank < 1:
        raise ValueError(f"expected a rank of at least 1, got {rank}")
    count = attention.shape[2]
    logs = at_least_float32(attention).clamp_min(FLOOR / count).log_()
    logs -= logs.mean(dim=2, keepdim=True)
    with torch.autocast(attention.device.type, enabled=False):
        basis = _range(logs, min(count, rank + SPARE))
        left, strength, right = torch.linalg.svd(basis.mT @ logs, full_matrices=False)
        kept = slice(min(rank, count))
        scale = strength[:, None, kept].sqrt()
        queries, keys = (basis @ left)[:, :, kept] * scale, right.mT[:, :, kept] * scale
    return LowRankAttention(queries.half(), keys.half())


def _range(matrix: Float[Tensor, "b n n"], size: int) -> Float[Tensor, "b n s"]:
    """Orthogonal directions that hold nearly all that a product of that rank can."""
    columns = torch.linspace(0, matrix.shape[2] - 1, size, device=matrix.device).round().long()
    basis: Tensor = torch.linalg.qr(matrix[:, :, columns]).Q
    for _ in range(ROUNDS):
        basis = torch.linalg.qr(matrix @ torch.linalg.qr(matrix.mT @ basis).Q).Q
    return basis
