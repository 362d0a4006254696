import pytest
import torch

from seglet.models.clip_cache.centroids import find_centroids
from seglet.models.layers.patch_features import masked_mean

PILES = torch.tensor([[0.0, 0.0], [0.0, 2.0], [10.0, 0.0], [10.0, 2.0], [10.0, 1.0]])


def test_centroids_are_the_means_of_piles_and_say_how_many_are_in_them() -> None:
    centres, counts = find_centroids(PILES, 2)
    found = dict(zip(map(tuple, centres.tolist()), counts.tolist(), strict=True))
    assert found == {(0.0, 1.0): 2, (10.0, 1.0): 3}


def test_one_centroid_is_the_mean() -> None:
    assert find_centroids(PILES, 1)[0].tolist() == [[6, 1]]


def test_by_directions_lengths_do_not_matter_and_centroids_have_length_one() -> None:
    vectors = torch.tensor([[1.0, 0.0], [9.0, 0.0], [0.0, 2.0]])
    centres, counts = find_centroids(vectors, 2, cosine=True)
    assert sorted(centres.tolist()) == [[0, 1], [1, 0]]
    assert sorted(counts.tolist()) == [1, 2]


def test_fewer_vectors_that_differ_than_centroids_are_their_own_centroids() -> None:
    centres, counts = find_centroids(PILES[[0, 0, 2]], 10)
    assert sorted(centres.tolist()) == [[0, 0], [10, 0]]
    assert sorted(counts.tolist()) == [1, 2]


def test_of_no_vectors_there_is_no_centroid() -> None:
    centres, counts = find_centroids(torch.empty(0, 4), 3)
    assert centres.shape == (0, 4)
    assert counts.shape == (0,)


def test_every_vector_belongs_to_its_nearest_centroid() -> None:
    vectors = torch.randn(60, 5, generator=torch.Generator().manual_seed(0)).double()
    centres, counts = find_centroids(vectors, 6)
    nearest = torch.cdist(vectors, centres).argmin(dim=1)
    for index, count in enumerate(counts.tolist()):
        torch.testing.assert_close(vectors[nearest == index].mean(dim=0), centres[index])
        assert int((nearest == index).sum()) == count


def test_no_centroid_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one centroid, got 0"):
        find_centroids(PILES, 0)


def test_what_a_mask_covers_is_averaged() -> None:
    features = torch.tensor([[[[1.0, 3.0], [5.0, 7.0]]]])
    mean, covered = masked_mean(features, torch.tensor([[[1.0, 0.5], [0.0, 0.0]]]))
    assert mean.item() == pytest.approx((1 + 1.5) / 1.5)
    assert covered.tolist() == [True]


def test_a_larger_mask_counts_each_place_by_its_share() -> None:
    features, mask = torch.tensor([[[[1.0, 3.0]]]]), torch.zeros(1, 2, 4)
    mask[0, :, 1:3] = 1
    mask[0, :, 3] = 1  # half of the first place, all of the second
    assert masked_mean(features, mask)[0].item() == pytest.approx((0.5 + 3) / 1.5)


def test_an_empty_mask_has_no_mean() -> None:
    mean, covered = masked_mean(torch.ones(2, 3, 2, 2).half(), torch.zeros(2, 4, 4))
    assert mean.eq(0).all()
    assert mean.dtype == torch.float32
    assert covered.tolist() == [False, False]
