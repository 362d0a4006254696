from dataclasses import replace

import pytest
import torch
from tests.methods.toys import labelled

from seglet.methods.ssss import Config, Method
from seglet.types import IGNORE, Classes, Progress, Tagged, without_background

CLASSES = Classes(("background", "road", "car"), ((0, 0, 0), (128, 128, 128), (255, 0, 0)))
SMALL = {"student": "ssss-resnet18", "width": 0.125}
EARLY, LATE = Progress(0, 10, seed=3), Progress(9, 10, seed=3)


def tagged() -> Tagged:
    batch = labelled()
    return Tagged(batch.ids, batch.images, torch.tensor([[0.0, 1, 0], [0.0, 1, 1]]), batch.crop)


def ssss(**changes: object) -> Method:
    return Method.build(Config(**{**SMALL, **changes}), CLASSES, seed=0).train()  # type: ignore[arg-type]


def test_the_loss_of_masks_starts_at_mask_start() -> None:
    method = ssss(mask_start=0.5)
    assert set(method.losses(tagged(), EARLY).terms) == {"tags"}
    assert set(method.losses(tagged(), LATE).terms) == {"tags", "masks", "confident"}


def test_the_total_is_the_loss_of_tags_plus_the_weighted_loss_of_masks() -> None:
    losses = ssss(mask_weight=3.0).losses(tagged(), LATE)
    torch.testing.assert_close(losses.total, losses.terms["tags"] + 3 * losses.terms["masks"])


def test_one_step_lowers_the_loss() -> None:
    method = ssss(mask_weight=0.0)
    optimiser = torch.optim.SGD(method.parameters(), lr=0.01)
    before = method.losses(tagged(), EARLY).total
    before.backward()
    optimiser.step()
    assert method.losses(tagged(), EARLY).total < before


def test_refined_masks_label_tagged_classes_and_background_only() -> None:
    step = tagged()
    logits = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 5
    target = ssss().refined_target(logits, step.images, without_background(step.tags))
    assert target.labels.shape == (2, 32, 32)
    assert set(target.labels[0].unique().tolist()) <= {0, 1, IGNORE}
    assert not target.weight[target.labels == IGNORE].any()


def test_an_image_without_any_tag_is_background() -> None:
    step = replace(tagged(), tags=torch.zeros(2, 3))
    losses = ssss().losses(step, LATE)
    losses.total.backward()
    assert all(torch.isfinite(term) for term in losses.terms.values())


def test_a_step_depends_on_its_own_seed_alone() -> None:
    method = ssss()
    first = method.losses(tagged(), LATE).total
    torch.rand(3)  # someone else draws
    assert method.losses(tagged(), LATE).total == first


def test_prediction_is_at_the_size_of_the_images_and_leaves_absent_classes_out() -> None:
    method = ssss(least_score=1.0).eval()
    with torch.no_grad():
        logits = method.predict(tagged().images)
    assert logits.shape == (2, 3, 32, 32)
    assert (logits.argmax(dim=1) == 0).all()


def test_the_cam_baseline_scores_by_mean_activation() -> None:
    method = ssss(student="cam-resnet18", scores="mean", mask_weight=0.0)
    losses = method.losses(tagged(), LATE)
    assert set(losses.terms) == {"tags"}
    assert method.eval().predict(tagged().images).shape == (2, 3, 32, 32)


def test_classes_must_begin_with_the_background() -> None:
    with pytest.raises(ValueError, match="expected the background as class 0, got 'sky'"):
        Method.build(Config(**SMALL), Classes(("sky", "background"), ((0, 0, 0), (1, 1, 1))), seed=0)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"mask_start": 2.0}, "mask_start: expected 0 to 1"),
        ({"focal_floor": 0.0}, "focal_floor: expected above 0"),
        ({"auxiliary_weight": 0.4}, "auxiliary_weight: expected 0"),
        ({"rest": True}, "rest: expected false without student_weights"),
        ({"refine_steps": -1}, "refine_steps: expected 0 or more"),
    ],
)
def test_impossible_values_are_refused_by_key(keys: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Config(**keys)  # type: ignore[arg-type]
