import numpy as np
import pytest
import torch
from tests.golden_near import assert_near, assert_same_labels
from tests.labels.images import Case, some_images, some_masks
from torch import Tensor

from seglet.labels.cam.background import (
    add_absence_background,
    labels_between_backgrounds,
    labels_from_absence,
    refine_with_absence,
)
from seglet.labels.refine.pixel_adaptive import par
from seglet.tensors import resize_half_pixel
from seglet.types import IGNORE


def ignore_outside(labels: Tensor, boxes: Tensor) -> Tensor:
    """Returns the labels inside each image's box (first row, row after its last, likewise columns), IGNORE outside."""
    outside = torch.ones_like(labels, dtype=torch.bool)
    for mask, (top, bottom, left, right) in zip(outside, boxes.tolist(), strict=True):
        mask[top:bottom, left:right] = False
    return labels.masked_fill(outside, IGNORE)


class Watched:
    """PAR of so many steps that remembers what it returned."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def __call__(self, masks: Tensor, images: Tensor) -> Tensor:
        self.refined = par(masks, images, steps=self.steps)
        return self.refined


@pytest.mark.golden("weak", "refine_cams_bkg_v2")
def test_labels_between_two_backgrounds_match_the_authors(case: Case) -> None:
    cams, tags, images, boxes = (torch.from_numpy(case[n]) for n in ("cams", "cls_labels", "images", "img_box"))
    thresholds = (float(case["low_thre"]), float(case["high_thre"]))
    refine = Watched(int(case["par_iter"]))
    labels = labels_between_backgrounds(cams, tags, images, thresholds, refine, shrink=int(case["down_scale"]))
    scores = (resize_half_pixel(maps, cams.shape[2:]) for maps in refine.refined.chunk(2, dim=1))
    assert_same_labels(ignore_outside(labels, boxes), case["refined_label"], *scores)


@pytest.mark.golden("weak", "caa_refine")
def test_labels_against_absence_match_the_authors(case: Case) -> None:
    cams, image = torch.from_numpy(case["refined"])[None], torch.from_numpy(case["image"])[None]
    tags = torch.ones(cams.shape[:2])
    absence = add_absence_background(cams, tags, image.shape[2:])
    assert_near(absence[0], case["cams_with_bg"], 1e-5)
    keys, refine = torch.from_numpy(np.append(0, case["cls_list"] + 1)), Watched(int(case["par_iter"]))
    labels = keys[labels_from_absence(cams, tags, image, refine=refine)]
    assert_same_labels(labels, case["pseudo_label"], refine.refined)


def kept(masks: Tensor, images: Tensor) -> Tensor:
    """A refiner that changes nothing."""
    return masks


CAMS = torch.tensor([[[[0.9, 0.5, 0.1]], [[0.8, 0.2, 0.2]]]])
TAGS, IMAGE = torch.tensor([[1.0, 0.0]]), torch.zeros(1, 3, 1, 3)


def test_a_class_must_beat_the_strong_background_and_background_the_weak_one() -> None:
    assert labels_between_backgrounds(CAMS, TAGS, IMAGE, (0.25, 0.7), kept, shrink=1).tolist() == [[[1, IGNORE, 0]]]


def test_classes_without_tags_are_never_labels() -> None:
    tags = torch.tensor([[0.0, 0.0], [0.0, 1.0]])
    labels = labels_between_backgrounds(some_masks(2), tags, some_images(), (0.1, 0.2), shrink=1)
    assert labels[0].eq(0).all()
    assert set(labels[1].unique().tolist()) <= {0, 2, IGNORE}


def test_background_is_where_no_class_is() -> None:
    scores = add_absence_background(CAMS, TAGS, (1, 3), power=2)
    torch.testing.assert_close(scores[0, :, 0], torch.tensor([[0.0, 0.25, 1.0], [1.0, 0.5, 0.0], [0.0, 0.0, 0.0]]))
    assert labels_from_absence(CAMS, TAGS, IMAGE, refine=kept).tolist() == [[[1, 0, 0]]]


def test_an_image_without_tags_is_background() -> None:
    assert labels_from_absence(CAMS, torch.zeros(1, 2), IMAGE).eq(0).all()
    assert labels_between_backgrounds(CAMS, torch.zeros(1, 2), IMAGE, shrink=1).eq(0).all()


def test_only_maps_of_tagged_classes_are_refined() -> None:
    seen = []
    refined = refine_with_absence(CAMS, TAGS, IMAGE, refine=lambda maps, _: seen.append(maps.shape[1]) or maps)
    torch.testing.assert_close(refined[0, :, 0], torch.tensor([[0.0, 0.5, 1.0], [1.0, 0.5, 0.0], [0.0, 0.0, 0.0]]))
    assert seen == [2]  # the background and one class
    assert refine_with_absence(CAMS, TAGS.flip(1), IMAGE)[:, 1].eq(0).all()
    assert refine_with_absence(CAMS, torch.zeros(1, 2), IMAGE).argmax(dim=1).eq(0).all()


def test_a_constant_map_and_huge_maps_stay_finite() -> None:
    for values in (torch.ones(1, 2, 4, 4), 1e30 * some_masks(2)[:1]):
        assert add_absence_background(values, torch.ones(1, 2), (8, 8)).isfinite().all()
        assert (
            labels_between_backgrounds(values, torch.ones(1, 2), torch.zeros(1, 3, *values.shape[2:])).max() <= IGNORE
        )


def test_half_precision_gives_the_same_labels() -> None:
    half = labels_between_backgrounds(CAMS.half(), TAGS.half(), IMAGE.half(), shrink=1)
    assert torch.equal(half, labels_between_backgrounds(CAMS, TAGS, IMAGE, shrink=1))


def test_invalid_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="swap them"):
        labels_between_backgrounds(CAMS, TAGS, IMAGE, (0.7, 0.25))
    with pytest.raises(ValueError, match="smaller than one pixel when shrunk 2 times"):
        labels_between_backgrounds(CAMS, TAGS, IMAGE)
