"""Complementary dropout: what one view loses the other keeps."""

import torch

from seglet.models.layers.complementary import complementary_factors, drop_complementary


def rng() -> torch.Generator:
    return torch.Generator().manual_seed(1)


def test_a_channel_is_doubled_in_one_view_and_lost_in_the_other() -> None:
    first, second = complementary_factors(4, 50, 0.0, rng())
    assert set(first.unique().tolist()) == {0.0, 2.0}
    assert torch.equal(first + second, torch.full((4, 50), 2.0))


def test_half_of_the_images_stay_whole() -> None:
    first, _ = complementary_factors(5, 40, 0.5, rng())
    whole = (first == 1).all(dim=1)
    assert whole.sum() == 2
    assert (first[~whole] != 1).all()


def test_maps_of_as_many_channels_lose_the_same() -> None:
    one, other = torch.ones(4, 6, 2, 2), torch.full((4, 6, 1, 1), 3.0)
    found, also = drop_complementary((one, other), 0.0, rng())
    torch.testing.assert_close(3 * found[:, :, :1, :1], also)
    torch.testing.assert_close(found[:2] + found[2:], torch.full((2, 6, 2, 2), 2.0))


def test_the_mean_of_both_views_is_the_map() -> None:
    maps = torch.randn(6, 8, 3, 3, generator=rng())
    (found,) = drop_complementary((maps.repeat(2, 1, 1, 1)[:6],), 0.5, rng())
    factors = (found / maps)[:, :, 0, 0]
    torch.testing.assert_close(factors[:3] + factors[3:], torch.full((3, 8), 2.0))
