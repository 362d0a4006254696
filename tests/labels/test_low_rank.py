import pytest
import torch
from torch import Tensor

from seglet.labels.attention.low_rank import LowRankAttention, low_rank_attention


def attention_of_rank(rank: int, patches: int = 40) -> Tensor:
    queries, keys = torch.randn(2, 2, patches, rank, generator=torch.Generator().manual_seed(0))
    return (0.5 * queries @ keys.mT).softmax(dim=2)


def lost(attention: Tensor, compact: Tensor) -> float:
    return (attention - compact).abs().sum(dim=2).mean().item() / 2


def test_low_rank_attention_is_recovered() -> None:
    attention = attention_of_rank(1)
    assert lost(attention, low_rank_attention(attention, 2).dense()) < 0.01


def test_more_rank_loses_less() -> None:
    attention = attention_of_rank(6)
    errors = [lost(attention, low_rank_attention(attention, rank).dense()) for rank in (1, 2, 4, 7)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.1


def test_maps_may_be_cropped_and_are_then_the_attention_within_the_crop() -> None:
    attention = attention_of_rank(1)
    maps = low_rank_attention(attention, 2).maps((5, 8))
    within = attention.unflatten(2, (5, 8)).unflatten(1, (5, 8))[:, :2, :, :2].flatten(3).flatten(1, 2)
    expected = within / within.sum(dim=2, keepdim=True)
    assert lost(expected, LowRankAttention.from_maps(maps[:, :2]).dense()) < 0.01


def test_rows_of_awkward_attention_sum_to_one() -> None:
    for attention in (torch.full((1, 5, 5), 0.2), torch.eye(5)[None], torch.ones(1, 1, 1), attention_of_rank(4)):
        dense = low_rank_attention(attention, 2).dense()
        torch.testing.assert_close(dense.sum(dim=2), torch.ones(dense.shape[:2]), rtol=2e-3, atol=0)


def test_an_image_of_32_by_32_patches_takes_128_kib_by_default() -> None:
    even = torch.full((1, 1024, 1024), 1 / 1024)
    assert low_rank_attention(even).image_bytes == 128 * 1024


def test_a_rank_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="a rank of at least 1, got 0"):
        low_rank_attention(torch.eye(3)[None], 0)
