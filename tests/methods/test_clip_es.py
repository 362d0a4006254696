from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.methods.toys import labelled

from seglet.methods.clip_es import Config, Method
from seglet.types import IGNORE, Classes, Progress, Tagged, without_background

CLASSES = Classes(("background", "dog", "cat"), ((0, 0, 0), (1, 1, 1), (2, 2, 2)))
NOW = Progress(5, 10, seed=3)
Make = Callable[..., Method]


def step() -> Tagged:
    batch = labelled()
    return Tagged(batch.ids, batch.images, torch.tensor([[0.0, 1, 0], [0.0, 1, 1]]), batch.crop)


TAGS = without_background(step().tags)


@pytest.fixture
def make(clip_folder: Path) -> Make:
    def build(**changes: Any) -> Method:
        small = {"clip_model": str(clip_folder), "student": "deeplabv2-resnet18", "width": 0.0625, "refiner": "par",
                 "par_steps": 2, "confidence": 0.0}  # fmt: skip
        return Method.build(Config(**{**small, **changes}), CLASSES, seed=0).train()

    return build


def test_one_step_lowers_the_loss_and_leaves_clip_as_it_is(make: Make) -> None:
    method = make()
    before = method.losses(step(), NOW).total
    before.backward()
    assert all(p.grad is None for p in method.tower.parameters())
    torch.optim.SGD(method.student.parameters(), lr=0.01).step()
    assert method.losses(step(), NOW).total < before


def test_maps_of_classes_without_a_tag_are_zero(make: Make) -> None:
    maps = make().label_maps(step().images, TAGS)
    assert maps.shape == (2, 3, 32, 32)
    assert maps[0, 2].eq(0).all()
    assert maps[1, 1:].amax(dim=(1, 2)).gt(0.9).any()


def test_maps_are_the_same_in_inference_mode_and_alone(make: Make) -> None:
    method = make()
    expected = method.label_maps(step().images, TAGS)
    with torch.inference_mode():
        torch.testing.assert_close(method.label_maps(step().images, TAGS), expected)
        torch.testing.assert_close(method.label_maps(step().images[1:], TAGS[1:]), expected[1:], atol=5e-3, rtol=0)


def test_a_class_without_rivals_has_no_gradient_and_so_no_map(make: Make) -> None:
    method = make(background_words=False)
    maps = method.cams.gradient_maps(method.tower.network, step().images, TAGS).cams
    assert maps[0].eq(0).all()
    assert maps[1].amax() == 1


def test_without_caa_maps_are_those_of_the_gradients(make: Make) -> None:
    method = make(caa=0.0)
    maps = method.explain(step().images, TAGS).maps
    assert torch.equal(maps["gradcam"], maps["caa"])
    spread = make().explain(step().images, TAGS).maps
    assert torch.equal(spread["gradcam"], maps["gradcam"])
    assert not torch.equal(spread["caa"], maps["caa"])


def test_pixels_below_the_confidence_are_void(make: Make) -> None:
    sure, all_pixels = make(confidence=0.9).target(step()).labels, make().target(step()).labels
    kept = sure != IGNORE
    assert 0 < kept.float().mean() < 1
    assert torch.equal(sure[kept], all_pixels[kept])


def test_an_image_without_tags_is_background(make: Make) -> None:
    method = make()
    assert method.target(replace(step(), tags=torch.zeros(2, 3))).labels.eq(0).all()
    assert method.label_maps(step().images, torch.zeros(2, 2)).argmax(dim=1).eq(0).all()


@pytest.mark.parametrize("refiner", ["crf", "none"])
def test_masks_are_refined_as_the_config_says(make: Make, refiner: str) -> None:
    labels = make(refiner=refiner).target(step()).labels
    assert set(labels[0].unique().tolist()) <= {0, 1}


def test_checkpoints_hold_the_network_alone(make: Make) -> None:
    method = make()
    assert {name.partition(".")[0] for name in method.state_dict()} == {"student"}
    make().load_state_dict(method.state_dict())


@pytest.mark.parametrize(("key", "value"), [("caa", 1.5), ("caa_layers", 0), ("confidence", 2.0), ("par_steps", -1)])
def test_a_value_out_of_range_is_named(key: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"^{key}: expected"):
        Config(**{key: value})  # type: ignore[arg-type]
