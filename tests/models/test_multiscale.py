import numpy as np
import pytest
import torch
from tests.golden_near import assert_near, assert_same_labels
from torch import Tensor

from seglet.models.class_scores import class_scores
from seglet.models.multiscale import (
    ClassMasks,
    MultiScaleOptions,
    predict_masks,
    remove_absent_classes,
    scaled_views,
    undo_view,
    weaken_background,
)

Case = dict[str, np.ndarray]
ONCE = MultiScaleOptions(scales=(1.0,), flip=False, background_power=1.0)


def random_images(count: int = 2, height: int = 12, width: int = 10) -> Tensor:
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(0))


def by_colour(images: Tensor) -> Tensor:
    """Logits that say the background is where the image is red."""
    return 4 * images - 2


@pytest.mark.golden("weak", "msc_merge")
def test_merging_views_is_the_authors(case: Case) -> None:
    size, total = (int(case["imsize"][0]), int(case["imsize"][1])), torch.zeros(())
    for index, (mask, pad) in enumerate(zip(torch.from_numpy(case["masks"]).double(), case["pads"], strict=True)):
        top, left, height, width = pad.tolist()
        cut = mask[None, :, top : top + height, left : left + width]
        total = total + undo_view(cut, size, mirrored=bool(case["flip"]) and index % 2 == 1)
    tags = torch.from_numpy(case["labels"]).double()[None]
    merged = remove_absent_classes(total / len(case["masks"]), tags, float(case["bg_pow"]))[0]
    assert_near(merged, case["merged"], 1e-5)
    assert_same_labels(merged.argmax(0)[None], case["argmax"][None], merged[None])


@pytest.mark.golden("weak", "ssss_head")
def test_cleaning_masks_is_the_authors(case: Case) -> None:
    if "masks_cam" not in case:
        pytest.skip("our copy of this case leaves these maps out")
    foreground = torch.from_numpy(case["logits_fg"]).double()
    masks = torch.cat([torch.ones_like(foreground[:, :1]), foreground], dim=1).softmax(1)
    larger = torch.nn.functional.interpolate(masks, case["masks_cam"].shape[2:], mode="bilinear", align_corners=True)
    ours = remove_absent_classes(larger, torch.from_numpy(case["labels"]).double())
    assert_near(ours, case["masks_cam"], 1e-5)


def test_one_view_is_the_softmax_of_the_network() -> None:
    predicted = predict_masks(by_colour, random_images(), ONCE, torch.ones(2, 2))
    torch.testing.assert_close(predicted.masks, by_colour(random_images()).softmax(1))
    torch.testing.assert_close(predicted.presence, class_scores(by_colour(random_images())).sigmoid())


def test_a_mirrored_view_lands_where_it_belongs() -> None:
    plain = predict_masks(by_colour, random_images(), ONCE, torch.ones(2, 2))
    both = predict_masks(by_colour, random_images(), MultiScaleOptions((1.0,), background_power=1.0), torch.ones(2, 2))
    torch.testing.assert_close(both.masks, plain.masks)


def test_each_scale_is_predicted_twice() -> None:
    predicted = [
        (tuple(view.shape[2:]), mirrored)
        for view, mirrored in scaled_views(random_images(), MultiScaleOptions((1.0, 0.5)))
    ]
    assert predicted == [((12, 10), False), ((12, 10), True), ((6, 5), False), ((6, 5), True)]


def test_an_image_of_one_pixel_is_never_resized_to_nothing() -> None:
    assert predict_masks(by_colour, random_images(1, 1, 1)).masks.isfinite().all()


def test_classes_that_no_view_finds_are_removed() -> None:
    def absent(images: Tensor) -> Tensor:
        return torch.tensor([0.0, 3.0, -9.0]).view(1, 3, 1, 1).expand(len(images), 3, 4, 4)

    predicted = predict_masks(absent, random_images(), ONCE)
    assert predicted.tags.tolist() == [[1, 0]] * 2
    assert predicted.masks[:, 2].eq(0).all()
    assert predicted.presence[:, 1].lt(0.1).all()


def test_known_tags_overrule_scores() -> None:
    predicted = predict_masks(by_colour, random_images(), ONCE, torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
    assert predicted.masks.amax((2, 3)).gt(0).tolist() == [[True, True, False], [True, False, True]]


def test_a_power_above_one_makes_the_background_yield() -> None:
    masks = remove_absent_classes(torch.tensor([0.5, 0.3, 0.2]).view(1, 3, 1, 1), torch.ones(1, 2), background_power=3)
    torch.testing.assert_close(masks.flatten(), torch.tensor([0.125, 0.3, 0.2]))


def test_logits_of_masks_decide_as_the_masks_do_and_are_finite() -> None:
    masks = torch.tensor([0.125, 0.3, 0.0]).view(1, 3, 1, 1)
    logits = ClassMasks(masks, torch.ones(1, 2), torch.ones(1, 2)).logits()
    assert logits.isfinite().all()
    assert logits.argmax(1).item() == 1


def test_yielding_logits_decide_as_powered_masks_do() -> None:
    logits = torch.randn(2, 4, 5, 6, generator=torch.Generator().manual_seed(0))
    powered = remove_absent_classes(logits.softmax(1), torch.ones(2, 3), background_power=3)
    assert torch.equal(weaken_background(logits, 3).argmax(1), powered.argmax(1))


def test_tags_with_the_background_among_them_are_refused() -> None:
    with pytest.raises(ValueError, match="tags of one class less, not 3"):
        remove_absent_classes(torch.ones(1, 3, 2, 2), torch.ones(1, 3))


@pytest.mark.parametrize("changes", [{"scales": ()}, {"scales": (1.0, 0.0)}, {"background_power": 0.0}])
def test_impossible_views_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="above 0"):
        MultiScaleOptions(**changes)  # type: ignore[arg-type]
