"""What PAMR and PAR have in common."""

from collections.abc import Callable

import pytest
import torch
from tests.labels.images import some_images, some_masks
from torch import Tensor

from seglet.labels.refine import neighbours
from seglet.labels.refine.pixel_adaptive import pamr, par

Refine = Callable[..., Tensor]
every_refiner = pytest.mark.parametrize("refine", [pamr, par])


@every_refiner
def test_images_of_a_batch_are_independent(refine: Refine) -> None:
    masks, images = some_masks(), some_images()
    torch.testing.assert_close(refine(masks, images)[1:], refine(masks[1:], images[1:]))


@every_refiner
def test_a_class_that_is_nowhere_stays_nowhere(refine: Refine) -> None:
    masks = some_masks()
    masks[0, 1], masks[1] = 0, 0
    refined = refine(masks, some_images())
    assert [(image, k) for image in range(2) for k in range(3) if not refined[image, k].any()] == [
        (0, 1), (1, 0), (1, 1), (1, 2),
    ]  # fmt: skip
    torch.testing.assert_close(refined[:1, [0, 2]], refine(masks[:1, [0, 2]], some_images()[:1]))


@every_refiner
def test_no_step_changes_nothing(refine: Refine) -> None:
    assert torch.equal(refine(some_masks(), some_images(), steps=0), some_masks())


@every_refiner
def test_bands_of_rows_change_nothing(refine: Refine) -> None:
    masks, images = some_masks(6, size=(90, 64)), some_images((90, 64))  # two bands, the second shorter
    whole = refine(masks, images, (1, 3), steps=2)
    torch.testing.assert_close(
        whole[..., :70, :], refine(masks[..., :76, :], images[..., :76, :], (1, 3), 2)[..., :70, :]
    )


@every_refiner
def test_large_weights_are_computed_again_in_each_step(refine: Refine, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = refine(some_masks(6), some_images())
    monkeypatch.setattr(neighbours, "_KEPT", 0)
    assert torch.equal(refine(some_masks(6), some_images()), kept)


@every_refiner
@pytest.mark.parametrize("size", [(90, 64), (3, 1)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_many_maps_are_refined_as_few_are(refine: Refine, size: tuple[int, int], dtype: torch.dtype) -> None:
    masks, images = some_masks(3, size).to(dtype), some_images(size).to(dtype)
    few, many = refine(masks, images), refine(masks.repeat(1, 2, 1, 1), images)
    torch.testing.assert_close(many, few.repeat(1, 2, 1, 1), rtol=1e-5 if dtype == torch.float32 else 1e-12, atol=0)


@every_refiner
@pytest.mark.parametrize("size", [(1, 1), (1, 5), (3, 1)])
def test_a_pixel_or_a_line_is_an_image(refine: Refine, size: tuple[int, int]) -> None:
    assert refine(some_masks(size=size), some_images(size)).isfinite().all()


@every_refiner
@pytest.mark.parametrize("strength", [0.0, 1e-30, 255.0, 1e20, 1e30])
def test_tiny_and_huge_images_stay_finite(refine: Refine, strength: float) -> None:
    refined = refine(some_masks(), strength * some_images())
    assert refined.isfinite().all()
    assert refined.sum(dim=1).min() > 0.99


@every_refiner
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_single(refine: Refine, dtype: torch.dtype) -> None:
    masks, images = some_masks().to(dtype), some_images().to(dtype)
    torch.testing.assert_close(refine(masks, images), refine(masks.float(), images.float()))


@every_refiner
def test_autocast_changes_nothing(refine: Refine) -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = refine(some_masks(), some_images())
    assert torch.equal(inside, refine(some_masks(), some_images()))


@every_refiner
def test_labels_carry_no_gradient_and_inputs_stay_as_they_were(refine: Refine) -> None:
    masks, images = some_masks().requires_grad_(), some_images()
    assert not refine(masks, images).requires_grad
    assert torch.equal(masks, some_masks())
    assert torch.equal(images, some_images())


@every_refiner
def test_an_empty_batch_and_no_classes_stay_empty(refine: Refine) -> None:
    assert refine(some_masks()[:0], some_images()[:0]).shape == (0, 3, 7, 9)
    assert refine(some_masks()[:, :0], some_images()).shape == (2, 0, 7, 9)


@every_refiner
@pytest.mark.parametrize(("change", "message"), [
    ({"dilations": ()}, "whole pixels from 1 up"),
    ({"dilations": (2, 0)}, "whole pixels from 1 up"),
    ({"steps": -1}, "cannot take -1 steps"),
])  # fmt: skip
def test_invalid_arguments_are_refused(refine: Refine, change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        refine(some_masks(), some_images(), **change)


@every_refiner
@pytest.mark.usefixtures("unchecked")
def test_masks_of_other_images_are_refused(refine: Refine) -> None:
    with pytest.raises(ValueError, match="maps of 2 images for 1 images"):
        refine(some_masks(), some_images()[:1])


@every_refiner
def test_images_without_pixels_are_refused(refine: Refine) -> None:
    with pytest.raises(ValueError, match="without pixels"):
        refine(some_masks(), some_images((0, 9)))
