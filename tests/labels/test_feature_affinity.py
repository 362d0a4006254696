import pytest
import torch
from tests.golden_near import assert_near
from tests.labels.images import Case

from seglet.labels.attention.feature_affinity import feature_affinity, fuse_affinities

HALVES = torch.tensor([[[0.5, 0.5, 0.0], [0.5, 0.5, 0.0], [0.0, 0.0, 1.0]]])
WHOLE = torch.tensor([[[0.8, 0.1, 0.1], [0.2, 0.6, 0.2], [0.5, 0.5, 0.0]]])


@pytest.mark.golden("weak", "feature_affinity")
def test_the_affinity_is_the_authors(case: Case) -> None:
    features = torch.from_numpy(case["ex_feats"])
    assert_near(feature_affinity(features, float(case["beta"]), float(case["gamma"])), case["ex_attn"])
    other = feature_affinity(features, float(case["beta"]), float(case["gamma"]) + 0.1)
    assert not torch.allclose(other, torch.from_numpy(case["ex_attn"]))


def test_patches_less_alike_than_the_mean_are_unrelated_and_lengths_do_not_matter() -> None:
    features = torch.tensor([[2.0, 1.0, 0.0], [0.0, 0.0, 5.0]])[None, :, None]  # two patches alike, one at right angles
    torch.testing.assert_close(feature_affinity(features), HALVES)


def test_an_image_does_not_depend_on_the_others() -> None:
    features = torch.randn(2, 4, 3, 3, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(feature_affinity(features)[1:], feature_affinity(features[1:]))


def test_maps_are_averaged() -> None:
    torch.testing.assert_close(fuse_affinities([HALVES, WHOLE]), (HALVES + WHOLE) / 2)


def test_where_all_must_agree_a_pair_is_related_in_all_or_not_at_all() -> None:
    found = fuse_affinities([HALVES, WHOLE], "agreement")[0]
    first, second = (0.5 * 0.8) ** 0.5, (0.5 * 0.1) ** 0.5
    torch.testing.assert_close(found[0], torch.tensor([first, second, 0]) / (first + second))
    torch.testing.assert_close(found[2], torch.tensor([0.25, 0.25, 0.5]))  # they agree nowhere: the mean


def test_one_map_stays_as_it_is() -> None:
    assert torch.equal(fuse_affinities([WHOLE], "agreement"), WHOLE)
