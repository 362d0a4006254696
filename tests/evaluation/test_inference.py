from typing import Any

import pytest
import torch
import torch.nn.functional as F

from seglet.evaluation.inference import predict_labels, predict_logits
from seglet.evaluation.options import EvaluationOptions

IMAGES = torch.rand(2, 3, 12, 10, generator=torch.Generator().manual_seed(0))


def colours(images: torch.Tensor) -> torch.Tensor:
    return 9 * images


def halves(images: torch.Tensor) -> torch.Tensor:
    """Class 0 on the left half, whatever the image."""
    left = (torch.arange(images.shape[-1]) < images.shape[-1] // 2).float().expand(len(images), 1, *images.shape[-2:])
    return torch.cat([left, 1 - left], 1)


def test_the_confidence_is_the_softmax_of_the_logits() -> None:
    decision = predict_labels(colours, IMAGES)
    confidence, labels = colours(IMAGES).softmax(1).max(1)
    assert torch.equal(decision.labels, labels.to(torch.uint8))
    assert torch.allclose(decision.confidence, confidence)


def test_the_first_of_equal_classes_is_taken() -> None:
    assert predict_labels(lambda images: torch.zeros(2, 5, 3, 3), IMAGES, (3, 3)).labels.max() == 0


def test_strips_make_no_difference() -> None:
    tall = torch.rand(1, 3, 900, 700, generator=torch.Generator().manual_seed(0))  # several strips
    assert torch.equal(predict_labels(colours, tall).labels[0], tall[0].argmax(0).to(torch.uint8))


def test_logits_are_resized_with_aligned_corners_before_classes_are_chosen() -> None:
    small = torch.randn(2, 4, 3, 5, generator=torch.Generator().manual_seed(1))
    wanted = F.interpolate(small, (25, 31), mode="bilinear", align_corners=True)
    decision = predict_labels(lambda images: small, IMAGES, (25, 31))
    assert torch.equal(decision.labels, wanted.argmax(1).to(torch.uint8))


@pytest.mark.parametrize("options", [{}, {"scales": (0.5, 1.0)}, {"window": (4, 4)}, {"scales": (1.0,), "flip": True}])
def test_at_an_absolute_size_the_network_sees_images_squeezed_to_it(options: dict[str, Any]) -> None:
    squeezed = F.interpolate(IMAGES, (6, 8), mode="bilinear", antialias=True)
    sized = EvaluationOptions(size=(6, 8), **options)
    wanted = predict_logits(colours, squeezed, EvaluationOptions(**options))
    wanted = F.interpolate(wanted, (12, 10), mode="bilinear", align_corners=True)
    torch.testing.assert_close(predict_logits(colours, IMAGES, sized), wanted)
    assert torch.equal(predict_labels(colours, IMAGES, None, sized).labels, wanted.argmax(1).to(torch.uint8))


def test_windows_and_another_label_size_go_together() -> None:
    decision = predict_labels(colours, IMAGES, (30, 30), EvaluationOptions(window=(8, 8)))
    assert torch.equal(decision.labels, predict_labels(colours, IMAGES, (30, 30)).labels)


def test_a_pixelwise_network_is_the_same_flipped_windowed_and_resized() -> None:
    for options in (
        EvaluationOptions(flip=True),
        EvaluationOptions(window=(7, 6)),
        EvaluationOptions(scales=(1.0, 1.0)),
    ):
        assert torch.allclose(predict_logits(colours, IMAGES, options), colours(IMAGES), atol=1e-5)


def test_flipping_averages_with_the_mirrored_prediction() -> None:
    assert torch.equal(predict_logits(halves, IMAGES, EvaluationOptions(flip=True)), torch.full((2, 2, 12, 10), 0.5))


def test_scales_are_averaged_at_image_size() -> None:
    sizes = []

    def constant(images: torch.Tensor) -> torch.Tensor:
        sizes.append(tuple(images.shape[-2:]))
        return torch.full((2, 1, 3, 3), float(len(sizes)))

    averaged = predict_logits(constant, IMAGES, EvaluationOptions(scales=(0.5, 1.0, 1.75)))
    assert sizes == [(6, 5), (12, 10), (21, 18)]
    assert torch.allclose(averaged, torch.full((2, 1, 12, 10), 2.0))


def test_averaged_probabilities_are_the_softmax_of_the_result() -> None:
    options = EvaluationOptions(flip=True, scales=(1.0, 2.0), window=(8, 8), average="probabilities")
    assert predict_logits(halves, IMAGES, options).exp().sum(1).sub(1).abs().max() < 1e-5
    one = EvaluationOptions(flip=True, average="probabilities")
    wanted = (halves(IMAGES).softmax(1) + halves(IMAGES).softmax(1).flip(-1)) / 2
    assert torch.allclose(predict_logits(halves, IMAGES, one).softmax(1), wanted)


def test_impossible_probabilities_stay_finite() -> None:
    options = EvaluationOptions(average="probabilities", window=(8, 8))
    assert predict_logits(lambda images: 1e6 * halves(images), IMAGES, options).isfinite().all()


def test_the_network_gets_a_multiple_and_the_result_has_image_size() -> None:
    seen = []

    def patches(images: torch.Tensor) -> torch.Tensor:
        seen.append(tuple(images.shape[-2:]))
        return images[:, :2, ::7, ::7]

    assert predict_logits(patches, IMAGES, EvaluationOptions(multiple=14)).shape == (2, 2, 12, 10)
    assert seen == [(14, 14)]


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (300, 2)])
def test_any_image_size_works_with_every_option(size: tuple[int, int]) -> None:
    options = EvaluationOptions(window=(16, 16), flip=True, scales=(0.25, 1.5), multiple=8)
    assert predict_labels(colours, torch.rand(1, 3, *size), options=options).labels.shape == (1, *size)


def test_half_precision_logits_are_compared_in_single() -> None:
    decision = predict_labels(lambda images: colours(images).bfloat16(), IMAGES, options=EvaluationOptions(flip=True))
    assert decision.confidence.dtype == torch.float32


@pytest.mark.parametrize("wrong", [{"batch": 0}, {"scales": ()}, {"scales": (0.0,)}, {"multiple": 0}, {"replicas": -1}])
def test_options_out_of_range_are_named(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        EvaluationOptions(**wrong)
