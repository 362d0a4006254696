import math

import pytest
import torch
from torch import Tensor

from seglet.labels.refine.permutohedral import _BLOCK, build_lattice


def brute_force(features: Tensor, values: Tensor) -> Tensor:
    """What the lattice approximates: every point against every other."""
    return torch.exp(-torch.cdist(features.T, features.T).square() / 2) @ values


def smoothed(summed: Tensor) -> Tensor:
    """Channels over the last of them, which holds the filtered ones."""
    return summed[:, :-1] / summed[:, -1:]


def grid(height: int, width: int, sigma: float) -> Tensor:
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack([columns, rows]).flatten(1).double() / sigma


def noise(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_a_point_on_a_vertex_gets_its_own_value_back_around_its_triangle() -> None:
    # Three blurs, each along one side: 1 0 0, 1 ½ 0, 1 ½ ¼, 1⅛ ½ ¾; then divided by 1 + 2^-2.
    assert build_lattice(torch.zeros(2, 1)).filter(torch.ones(1, 1)).item() == pytest.approx(1.125 / 1.25)


def test_two_neighbouring_vertices_on_a_line_exchange_halves() -> None:
    kernel = build_lattice(
        torch.tensor([[0.0, math.sqrt(3) / 2]])
    )  # vertices in one dimension are √3/2 deviations apart
    summed = kernel.filter(torch.tensor([[1.0], [0.0]]))[:, 0].sort().values
    assert summed.tolist() == pytest.approx([2 / 3, 5 / 6])  # 1 and 1 + 1/4 over 1 + 1/2


@pytest.mark.parametrize("sigma", [2.0, 3.0, 5.0])
def test_filtering_a_small_image_by_position_is_close_to_a_gaussian(sigma: float) -> None:
    features, values = grid(16, 20, sigma), torch.cat([noise(320, 3), torch.ones(320, 1)], dim=1)
    error = smoothed(build_lattice(features).filter(values)) - smoothed(brute_force(features, values))
    assert error.abs().max() < 0.05  # the values lie between 0 and 1


def test_filtering_by_position_and_colour_keeps_an_edge_as_a_gaussian_does() -> None:
    colour = (torch.arange(320) % 20 >= 10).double() + 0.1 * noise(320)
    features = torch.cat([grid(16, 20, 8.0), colour.expand(3, -1) * 6])
    values = torch.stack([colour, torch.ones(320)], dim=1)
    error = smoothed(build_lattice(features).filter(values)) - smoothed(brute_force(features, values))
    assert error.abs().max() < 0.05
    assert error.square().mean().sqrt() < 0.02


def test_each_channel_is_filtered_alone() -> None:
    kernel, values = build_lattice(grid(9, 7, 2.0)), noise(63, 4)
    assert torch.equal(kernel.filter(values)[:, 2:3], kernel.filter(values[:, 2:3]))


def test_filtering_is_linear() -> None:
    kernel, values = build_lattice(grid(9, 7, 2.0)), noise(63, 2)
    both = kernel.filter(values.sum(1, keepdim=True))
    torch.testing.assert_close(both, kernel.filter(values).sum(1, keepdim=True))


def test_weights_of_the_points_are_folded_in() -> None:
    kernel, values, before, after = build_lattice(grid(9, 7, 2.0)), noise(63, 2), noise(63), noise(63) + 1
    expected = kernel.filter(values * before[:, None]) * after[:, None]
    torch.testing.assert_close(kernel.weighted(before, after).filter(values), expected)


def test_points_treated_in_several_blocks_share_one_lattice() -> None:
    features = noise(3, _BLOCK + 50) * 4
    twice = torch.cat([features, features[:, :50]], dim=1)
    filtered = build_lattice(twice).filter(torch.ones(_BLOCK + 100, 1, dtype=torch.float64))
    torch.testing.assert_close(filtered[:50], filtered[-50:])


def test_too_narrow_a_kernel_is_refused_and_not_wrapped_around() -> None:
    with pytest.raises(ValueError, match="widen the kernel"):
        build_lattice(torch.tensor([[0.0, 1e9], [0.0, 1.0]]))


def test_an_idle_point_lends_its_vertices_but_has_no_value() -> None:
    line = torch.tensor([[0.0, -math.sqrt(3) / 2]])  # each on a vertex; the first knows that at √3/2 by itself
    assert build_lattice(line[:, :1]).filter(torch.ones(1, 1)).tolist() == [[pytest.approx(1.25 / 1.5)]]
    assert build_lattice(line, idle=1).filter(torch.ones(1, 1)).tolist() == [[pytest.approx(1.5 / 1.5)]]
