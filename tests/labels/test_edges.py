from collections.abc import Mapping

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from seglet.labels.semi.edges import Neighbourhood, edge_flip_rates, label_edges, laplacian

Case = Mapping[str, np.ndarray]


@pytest.mark.golden("semi", "laplacian")
@pytest.mark.parametrize("neighbours", [4, 8])
def test_edges_are_those_of_the_one_hot_laplacian(case: Case, neighbours: Neighbourhood) -> None:
    labels = torch.from_numpy(case["label"])[None]
    count = len(case[f"onehot_response{neighbours}"])
    planes = F.one_hot(labels.clamp_max(count), count + 1).permute(0, 3, 1, 2).double()  # labels beyond have no plane
    sign = case[f"kernel{neighbours}"][0, 1]  # theirs for 8 neighbours points the other way
    response = case[f"onehot_response{neighbours}"] * sign
    np.testing.assert_array_equal(laplacian(planes[:, :count], neighbours)[0], response)
    np.testing.assert_array_equal(label_edges(labels, neighbours)[0], case[f"edge{neighbours}"])
    integers = laplacian(labels[:, None].double(), neighbours)[0, 0]
    np.testing.assert_array_equal(integers, sign * case[f"integer_response{neighbours}"])


@pytest.mark.golden("semi", "laplacian")
def test_ignored_pixels_make_no_edge_and_edges_flip_more(case: Case) -> None:
    edges = label_edges(torch.from_numpy(case["label_ignore"])[None])
    np.testing.assert_array_equal(edges[0], case["edge8_ignore"])
    rates = edge_flip_rates(label_edges(torch.from_numpy(case["label"])[None]))
    np.testing.assert_allclose(rates[0, 0], case["beta_map"], rtol=1e-6)


@pytest.mark.parametrize("neighbours", [4, 8])
def test_any_map_has_the_edges_of_its_laplacian(neighbours: Neighbourhood) -> None:
    labels = torch.randint(3, (2, 9, 7), generator=torch.Generator().manual_seed(0))
    planes = F.one_hot(labels, 3).permute(0, 3, 1, 2).double()
    assert torch.equal(label_edges(labels, neighbours), (laplacian(planes, neighbours) != 0).any(1))


def test_one_pixel_and_nothing_have_no_edge() -> None:
    assert not label_edges(torch.zeros(1, 1, 1, dtype=torch.long)).any()
    assert label_edges(torch.zeros(0, 4, 4, dtype=torch.long)).shape == (0, 4, 4)
