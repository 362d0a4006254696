import sys
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
import torch
from tests.golden_near import assert_same_labels
from torch import Tensor

from seglet.labels.refine.crf import CRFBackend, crf_mean_field, dense_crf, soft_labels
from seglet.labels.refine.crf_settings import EXCEL_CRF, LABELS_CRF, SECO_CRF, SSSS_CRF, WECLIP_CRF, CRFSettings
from seglet.types import IGNORE

Case = dict[str, np.ndarray]
PUBLISHED = {"ssss_crf": SSSS_CRF, "excel_voc_crf": EXCEL_CRF, "weclip_crf": WECLIP_CRF}


def image_of(case: Case) -> Tensor:
    return torch.from_numpy(case["image_hwc"]).permute(2, 0, 1)[None] / 255


def noise(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.golden("weak", "dense_crf")
@pytest.mark.parametrize("name", PUBLISHED)
def test_matches_pydensecrf_with_the_settings_of_each_paper(case: Case, name: str) -> None:
    refined = dense_crf(torch.from_numpy(case["probs"])[None], image_of(case), PUBLISHED[name])
    np.testing.assert_allclose(refined[0], case[name], rtol=0, atol=1e-3)  # both lattices are float32


@pytest.mark.golden("weak", "dense_crf")
def test_cleans_hard_labels_to_the_pixel_as_the_authors_do(case: Case) -> None:
    labels = torch.from_numpy(case["label_in"])[None]
    refined = dense_crf(soft_labels(labels, len(case["probs"])), image_of(case), LABELS_CRF)
    assert_same_labels(refined[0].argmax(0)[None], case["label_crf"][None], refined)


@pytest.mark.golden("weak", "dense_crf")
def test_both_backends_agree(case: Case) -> None:
    pytest.importorskip("pydensecrf")
    probabilities, image = torch.from_numpy(case["probs"])[None], image_of(case)
    ours, theirs = dense_crf(probabilities, image), dense_crf(probabilities, image, backend="pydensecrf")
    torch.testing.assert_close(ours, theirs, atol=1e-3, rtol=0)


@pytest.mark.parametrize("width", range(5, 9))
def test_both_backends_agree_at_any_width_of_a_dark_image(width: int) -> None:
    pytest.importorskip("pydensecrf")
    probabilities, image = noise(1, 4, 7, width).softmax(1), noise(1, 3, 7, width) / 8
    ours, theirs = (dense_crf(probabilities, image, SECO_CRF, backend) for backend in get_args(CRFBackend))
    torch.testing.assert_close(ours, theirs, atol=5e-5, rtol=0)


def halves() -> Tensor:
    """A dark and a bright half, 12 columns each."""
    return (torch.arange(24) >= 12).float().expand(1, 3, 16, -1)


def test_a_ragged_boundary_moves_to_the_edge_in_the_image() -> None:
    image = halves()
    blurred = torch.where(torch.arange(24) >= 15, 0.8, 0.3).expand(1, 1, 16, -1)  # three columns too far right
    refined = dense_crf(torch.cat([1 - blurred, blurred], dim=1), image)
    assert torch.equal(refined.argmax(1), image[:, 0].long())


def test_an_iteration_on_two_pixels_of_a_plain_image_by_hand() -> None:
    # Both pixels in one place: the kernel is 1/2 everywhere once normalised, and each hears the mean of both, (.6, .4).
    settings = CRFSettings(spatial_sigma=1e6, spatial_weight=2, bilateral_weight=0, iterations=1)
    probabilities = torch.tensor([[0.9, 0.3], [0.1, 0.7]])[None, :, None]
    heard = torch.tensor([0.6, 0.4])[None, :, None, None]
    expected = (probabilities.log() + 2 * heard).softmax(1)
    torch.testing.assert_close(dense_crf(probabilities, torch.zeros(1, 3, 1, 2), settings), expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    "settings", [replace(SSSS_CRF, iterations=0), CRFSettings(spatial_weight=0, bilateral_weight=0)]
)
def test_without_iterations_or_kernels_probabilities_stay(settings: CRFSettings) -> None:
    probabilities = (3 * noise(1, 4, 5, 6)).softmax(1)
    torch.testing.assert_close(dense_crf(probabilities, noise(1, 3, 5, 6), settings), probabilities)


def test_a_batch_is_its_images_one_by_one_to_the_bit() -> None:
    probabilities, images = noise(3, 4, 9, 11).softmax(1), noise(3, 3, 9, 11)
    alone = [dense_crf(probabilities[i : i + 1], images[i : i + 1]) for i in range(3)]
    assert torch.equal(dense_crf(probabilities, images), torch.cat(alone))


def test_logits_negated_are_energies() -> None:
    logits, images = 3 * noise(1, 4, 5, 6), noise(1, 3, 5, 6)
    torch.testing.assert_close(crf_mean_field(-logits, images), dense_crf(logits.softmax(1), images))


def test_half_precision_is_computed_in_full() -> None:
    probabilities, images = noise(1, 4, 5, 6).softmax(1).half(), noise(1, 3, 5, 6).half()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        refined = dense_crf(probabilities, images)
    assert torch.equal(refined, dense_crf(probabilities.float(), images.float()))


SHAPES = [(0, 3, 4, 5), (1, 3, 1, 1), (1, 1, 4, 5), (2, 3, 1, 9), (1, 3, 9, 1)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_any_size_of_a_plain_image_gives_probabilities(shape: tuple[int, int, int, int], value: float) -> None:
    refined = dense_crf(torch.full(shape, value), torch.full((shape[0], 3, *shape[2:]), value))
    assert refined.shape == shape
    torch.testing.assert_close(refined, torch.full(shape, 1 / shape[1]))


def test_huge_energies_stay_finite() -> None:
    assert crf_mean_field(3e38 * (noise(1, 3, 4, 5) - 0.5), noise(1, 3, 4, 5)).isfinite().all()


WRONG = {
    "differ in number or size": (torch.ones(1, 2, 4, 5), torch.zeros(1, 3, 5, 4)),
    "not RGB": (torch.ones(1, 2, 4, 5), torch.zeros(1, 1, 4, 5)),
    "no class or no pixel": (torch.ones(1, 2, 0, 5), torch.zeros(1, 3, 0, 5)),
    "probabilities hold values that are not finite": (torch.full((1, 2, 4, 5), torch.nan), torch.zeros(1, 3, 4, 5)),
    "images hold values that are not finite": (torch.ones(1, 2, 4, 5), torch.full((1, 3, 4, 5), torch.inf)),
    "undo their normalisation": (torch.ones(1, 2, 4, 5), torch.full((1, 3, 4, 5), 255.0)),
}


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("message", WRONG)
def test_bad_input_is_refused_with_a_remedy(message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dense_crf(*WRONG[message])


@pytest.mark.usefixtures("unchecked")
def test_an_unknown_backend_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="choose one of seglet, pydensecrf"):
        dense_crf(noise(1, 2, 4, 5), noise(1, 3, 4, 5), backend="cuda")  # type: ignore[arg-type]


def test_a_missing_package_is_answered_with_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pydensecrf.densecrf", None)
    with pytest.raises(ValueError, match=r"seglet\[crf\]"):
        dense_crf(noise(1, 2, 4, 5), noise(1, 3, 4, 5), backend="pydensecrf")


@pytest.mark.parametrize("wrong", [{"spatial_sigma": 0}, {"bilateral_weight": -1}, {"iterations": -1}])
def test_impossible_settings_are_refused_by_name(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        CRFSettings(**wrong)


def test_soft_labels_share_what_confidence_leaves() -> None:
    soft = soft_labels(torch.tensor([[[1, IGNORE]]]), 4, confidence=0.7)[0, :, 0]
    torch.testing.assert_close(soft, torch.tensor([[0.1, 0.25], [0.7, 0.25], [0.1, 0.25], [0.1, 0.25]]))


def test_soft_labels_of_one_class_are_certain() -> None:
    assert soft_labels(torch.zeros(1, 1, 2, dtype=torch.int64), 1).tolist() == [[[[1.0, 1.0]]]]


@pytest.mark.parametrize("label", [4, -1])
def test_a_label_that_is_no_class_is_refused(label: int) -> None:
    with pytest.raises(ValueError, match="labels must be 0 to 3 or 255"):
        soft_labels(torch.tensor([[[label]]]), 4)


@pytest.mark.parametrize("confidence", [0.0, 1.5])
def test_an_impossible_confidence_is_refused(confidence: float) -> None:
    with pytest.raises(ValueError, match="confidence"):
        soft_labels(torch.zeros(1, 1, 1, dtype=torch.int64), 4, confidence)
