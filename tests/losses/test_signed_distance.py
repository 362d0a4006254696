import pytest
import torch

from seglet.losses.signed_distance import boundary_loss, capped_distances, signed_distances
from seglet.types import IGNORE, Target

ROW = torch.tensor([[[0, 0, 0, 1, 1, 1]]])


def target(labels: torch.Tensor) -> Target:
    return Target(labels, torch.ones(labels.shape))


def test_signed_distances_of_a_row() -> None:
    found = signed_distances(ROW, 3, radius=10)[0, :, 0]
    assert found.tolist() == [[-2, -1, 0, 1, 2, 3], [3, 2, 1, 0, -1, -2], [0] * 6]


def test_void_is_no_border() -> None:
    labels = torch.tensor([[[0, 0, IGNORE, 1]]])
    assert signed_distances(labels, 2, radius=10)[0, 0, 0].tolist() == [-2, -1, 0, 2]


def test_the_boundary_loss_of_an_even_chance_by_hand() -> None:
    """Both distances of a pixel add up to 1 of 10."""
    assert boundary_loss(torch.zeros(1, 2, 1, 6), target(ROW)).item() == pytest.approx(0.05)


def test_an_image_of_one_class_has_no_border() -> None:
    assert boundary_loss(torch.randn(1, 2, 1, 6), target(torch.zeros_like(ROW))) == 0


def test_distances_are_those_to_the_nearest_pixel() -> None:
    found = torch.rand(2, 14, 17, generator=torch.Generator().manual_seed(0)) > 0.97
    places = torch.cartesian_prod(torch.arange(14.0), torch.arange(17.0))
    for each, mask in zip(capped_distances(found, 5), found, strict=True):
        nearest = torch.cdist(places, places[mask.flatten()]).amin(1).clamp(max=5)
        torch.testing.assert_close(each.flatten(), nearest)
