"""The head of DGKD-WLSS, composed of the parts of SSSS."""

import numpy as np
import pytest
import torch
from tests.golden_near import assert_near
from tests.losses.ssss import with_background

from seglet.labels.cam.pseudo_masks import balanced_target, confident_masks
from seglet.labels.refine.pixel_adaptive import pamr
from seglet.losses.task import mask_loss, multilabel_soft_margin
from seglet.models.class_scores import class_scores
from seglet.models.multiscale import remove_absent_classes
from seglet.tensors import resize_align_corners

Case = dict[str, np.ndarray]
FLOOR = 0.3
"""Floor of the size penalty, 0.01 in SSSS."""
MEAN, DEVIATION = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
NEAR = 1e-5  # theirs is float32


def tensor(case: Case, name: str) -> torch.Tensor:
    return torch.from_numpy(case[name]).double()


@pytest.mark.golden("weak", "dgkd_head")
def test_scores_loss_and_masks_are_the_authors(case: Case) -> None:
    logits, tags = with_background(tensor(case, "logits_fg")), tensor(case, "labels")
    scores = class_scores(logits, 3.0, FLOOR)
    assert_near(scores, case["cls"], NEAR)
    assert_near(multilabel_soft_margin(scores, tags), case["loss_cls"], NEAR)
    masks = remove_absent_classes(resize_align_corners(logits.softmax(1), case["masks_out"].shape[2:]), tags)
    assert_near(masks, case["masks_out"], NEAR)


@pytest.mark.golden("weak", "dgkd_head")
def test_the_authors_networks_take_images_that_are_not_normalised(case: Case) -> None:
    plain = tensor(case, "image_normalised") * DEVIATION.view(3, 1, 1) + MEAN.view(3, 1, 1)
    assert_near(plain, case["backbone_input_seen"], NEAR)  # undone in place, before the backbone
    assert_near(plain, case["image_after_call"], NEAR)


@pytest.mark.golden("weak", "dgkd_head")
def test_the_loss_of_the_masks_is_the_authors(case: Case) -> None:
    logits, tags, images = (
        with_background(tensor(case, "logits_fg")),
        tensor(case, "labels"),
        tensor(case, "image_after_call"),
    )
    size = images.shape[-2:]
    refined = pamr(logits.softmax(1), resize_align_corners(images, logits.shape[-2:]), steps=10)
    target = balanced_target(confident_masks(remove_absent_classes(resize_align_corners(refined, size), tags)), tags)
    assert_near(mask_loss(logits, target), case["loss_mask_per_sample"], 1e-3)  # a pixel at its threshold may turn
