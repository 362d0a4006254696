"""Attention in few bytes: the largest values of each row.

Axes: b images, n patches, k kept values.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int16
from torch import Tensor

from seglet.types import Movable

MOST = 2**15
"""Patches that 16 bits can number."""


@dataclass(frozen=True)
class SparseAttention(Movable):
    """Where each patch looks most, and how much, in half precision."""

    columns: Int16[Tensor, "b n k"]
    shares: Float[Tensor, "b n k"]

    def dense(self) -> Float[Tensor, "b n n"]:
        """What a row lacks to 1 is spread evenly over the columns that were not kept; in single precision."""
        images, count, kept = self.shares.shape
        shares = self.shares.float()
        rest = (1 - shares.sum(dim=2, keepdim=True)).clamp_min(0) / max(1, count - kept)
        return rest.expand(images, count, count).scatter(2, self.columns.long(), shares)

    @property
    def image_bytes(self) -> int:
        """Of one image."""
        return sum(part[0].numel() * part.element_size() for part in (self.columns, self.shares))


@torch.no_grad()
def sparse_attention(attention: Float[Tensor, "b n n"], kept: int = 32) -> SparseAttention:
    """The `kept` largest values of each row, all if there are fewer; rows sum to 1.

    An image takes 4 n `kept` bytes: 128 KiB for 32 × 32 patches and 32 values.

    Raises:
        ValueError: no value is kept, or there are more than 32 768 patches.
    """
    count = attention.shape[2]
    if kept < 1 or count > MOST:
        raise ValueError(f"expected at least 1 kept value and at most {MOST} patches, got {kept} and {count}")
    shares, columns = attention.topk(min(kept, count), dim=2)
    return SparseAttention(columns.to(torch.int16), shares.half())
