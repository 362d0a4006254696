"""Attention of 32 × 32 patches in a column: bytes of an image raw and compact, and the error of the latter."""

from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks._attention import regional_attention
from benchmarks._harness import Result
from seglet.labels.attention.low_rank import low_rank_attention

IMAGES, SIDE, RANK = 4, 32, 32
MOST_BYTES, LARGEST_ERROR = 128 * 1024, 0.05


@dataclass(frozen=True)
class ColumnResult(Result):
    """`ours` is the low-rank form, `rival` raw half precision; `equal` if ours has at most 128 KiB and 0.05 of error.

    An error is the part of a row's attention that goes elsewhere (total variation), the mean over rows, in [0, 1].
    `even_error` is that of uniform attention.
    """

    ours_error: float
    even_error: float


def run() -> ColumnResult:
    attention = regional_attention(IMAGES, SIDE)
    low_rank = low_rank_attention(attention, RANK)
    raw, size = attention[0].numel() * 2, low_rank.image_bytes
    lost = error(attention, low_rank.dense())
    even = error(attention, torch.full_like(attention, 1 / attention.shape[2]))
    return ColumnResult(
        name="column-bytes",
        ours=size,
        rival=raw,
        ratio=raw / size,
        unit="bytes",
        equal=size <= MOST_BYTES and lost <= LARGEST_ERROR,
        shapes=f"{SIDE}x{SIDE} synthetic patches, rank {RANK}, half precision",
        threads=torch.get_num_threads(),
        ours_error=lost,
        even_error=even,
    )


def error(true: Tensor, compact: Tensor) -> float:
    return (true - compact).abs().sum(dim=2).mean().item() / 2
