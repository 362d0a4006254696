import numpy as np
import pytest
import torch
from tests.labels.images import Case
from torch import Tensor

from seglet.labels.cam.text_cam import (
    cosine_similarity,
    feature_surgery,
    patch_text_cam,
    scale_positive,
    scale_to_range,
)

PATCHES = torch.tensor([[[1.0, 0.0], [0.0, 2.0], [-3.0, 0.0]]])
WORDS = torch.eye(2)


def golden(case: Case) -> tuple[Tensor, Tensor]:
    return torch.from_numpy(case["image_features"]).double(), torch.from_numpy(case["text_features"]).double()


@pytest.mark.golden("weak", "clip_surgery")
def test_surgery_is_the_authors(case: Case) -> None:  # computed in float32
    likeness = feature_surgery(*golden(case))
    np.testing.assert_allclose(likeness.numpy(), case["similarity"], rtol=0, atol=1e-6)
    np.testing.assert_allclose(scale_to_range(likeness).numpy(), case["attr_maps"], rtol=0, atol=1e-5)


@pytest.mark.golden("weak", "clip_surgery")
def test_the_formula_of_the_paper_is_a_scaled_cosine(case: Case) -> None:  # computed in float32
    np.testing.assert_allclose(cosine_similarity(*golden(case)).numpy(), case["plain_cos"], rtol=0, atol=1e-6)
    np.testing.assert_allclose(patch_text_cam(*golden(case)).mT.numpy(), case["plain_cos_minmax"], rtol=0, atol=1e-5)


def test_surgery_of_one_text_is_zero() -> None:
    assert feature_surgery(PATCHES, WORDS[:1]).eq(0).all()


def test_a_map_fills_its_range_whatever_the_features_lengths() -> None:
    assert patch_text_cam(PATCHES, WORDS)[0].tolist() == [[1, 0.5, 0], [0, 1, 0]]


def test_similarity_to_the_background_is_subtracted() -> None:
    maps = patch_text_cam(PATCHES, WORDS[:1], around=WORDS[1:], scale="positive")  # 1 - 0, 0 - 1, -1 - 0
    assert maps[0, 0].tolist() == [1, 0, 0]
    assert patch_text_cam(PATCHES, WORDS[:1], around=WORDS[1:])[0, 0].tolist() == [1, 0, 0]


def test_no_text_for_the_background_changes_nothing() -> None:
    assert torch.equal(patch_text_cam(PATCHES, WORDS, WORDS[:0]), patch_text_cam(PATCHES, WORDS))


def test_maps_without_a_range_are_zero() -> None:
    even = torch.full((1, 4, 2), 0.3)
    assert scale_to_range(even).eq(0).all()
    assert scale_positive(-even).eq(0).all()
    assert scale_to_range(even[:, :0]).shape == scale_positive(even[:, :0]).shape == (1, 0, 2)


def test_vectors_of_zeros_and_huge_ones_stay_finite() -> None:
    assert patch_text_cam(torch.zeros(1, 3, 2), WORDS).eq(0).all()
    assert patch_text_cam(1e30 * PATCHES, WORDS).isfinite().all()


def test_autocast_and_half_precision_compute_in_single() -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(cosine_similarity(PATCHES, WORDS), cosine_similarity(PATCHES.half(), WORDS.half()))
        assert feature_surgery(PATCHES, WORDS).dtype == torch.float32
