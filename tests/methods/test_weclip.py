from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.methods.toys import labelled

from seglet.labels.cam.affinity import refine_by_affinity
from seglet.methods.weclip import Config, Method
from seglet.types import IGNORE, Classes, Crop, Progress, Tagged, without_background

CLASSES = Classes(("background", "dog", "cat"), ((0, 0, 0), (1, 1, 1), (2, 2, 2)))
EARLY, LATE = Progress(1, 10, seed=3), Progress(6, 10, seed=3)
Make = Callable[..., Method]


def step() -> Tagged:
    batch = labelled()
    return Tagged(batch.ids, batch.images, torch.tensor([[0.0, 1, 0], [0.0, 1, 1]]), batch.crop)


TAGS = without_background(step().tags)


@pytest.fixture
def make(clip_folder: Path) -> Make:
    def build(**changes: Any) -> Method:
        small = {"clip_model": str(clip_folder), "width": 0.125, "par_steps": 2}
        return Method.build(Config(**{**small, **changes}), CLASSES, seed=0).train()

    return build


def test_the_total_is_the_segmentations_loss_plus_the_weighted_affinitys(make: Make) -> None:
    losses = make(affinity_weight=0.25).losses(step(), EARLY)
    torch.testing.assert_close(losses.total, losses.terms["seg"] + 0.25 * losses.terms["affinity"])


def test_one_step_lowers_the_loss_and_leaves_clip_as_it_is(make: Make) -> None:
    method = make(dropout=0.0)
    before = method.losses(step(), EARLY).total
    before.backward()
    assert all(p.grad is None for p in method.tower.parameters())
    assert all(p.grad is not None for p in method.student.network.head.parameters())
    torch.optim.SGD(method.student.network.head.parameters(), lr=0.01).step()
    assert method.losses(step(), EARLY).total < before


def test_the_decoder_reads_the_features_that_the_saved_segmenter_computes(make: Make) -> None:
    method = make().eval()
    maps = method.cams.gradient_maps(method.tower, step().images, TAGS)
    torch.testing.assert_close(
        method.student.network.head(maps.layers)[0], method.student.network(step().images).logits
    )


def test_maps_are_those_of_clip_es_until_the_decoder_rectifies_them(make: Make) -> None:
    method = make().eval()
    plain = method.label_maps(step().images, TAGS)
    method.after_step(EARLY)
    assert torch.equal(method.label_maps(step().images, TAGS), plain)
    method.after_step(LATE)
    assert not torch.equal(method.label_maps(step().images, TAGS), plain)


def test_rectified_maps_follow_the_layers_that_agree_times_the_affinity(make: Make) -> None:
    method = make(refine_layers=2)
    maps = method.cams.gradient_maps(method.tower, step().images, TAGS)
    patches = maps.attention.shape[2]
    own = torch.rand(2, patches, patches, generator=torch.Generator().manual_seed(0))
    same = replace(maps, attention=maps.attention[:, -1:].expand(-1, 3, -1, -1))  # all agree alike
    expected = refine_by_affinity(maps.cams, maps.attention[:, -1] * own, 0.4)
    torch.testing.assert_close(method.rectified_maps(same, own), expected)


def test_padding_is_void_and_labels_are_tagged_classes(make: Make) -> None:
    method, given = make(), step()
    padded = replace(given, crop=Crop(torch.tensor([[0.0, 0.0, 1.0, 2.0]] * 2), torch.zeros(2, dtype=torch.bool)))
    maps = method.cams.gradient_maps(method.tower, given.images, TAGS)
    labels = method.labels(maps, None, TAGS, padded)
    assert labels[:, :, 16:].eq(IGNORE).all()
    assert set(labels[0, :, :16].unique().tolist()) <= {0, 1}


def test_an_image_without_tags_is_background(make: Make) -> None:
    losses = make().losses(replace(step(), tags=torch.zeros(2, 3)), LATE)
    assert all(torch.isfinite(term) for term in losses.terms.values())


def test_a_step_depends_on_its_own_seed_alone(make: Make) -> None:
    method = make()
    first = method.losses(step(), LATE).total
    torch.rand(3)  # someone else draws
    assert method.losses(step(), LATE).total == first


def test_checkpoints_hold_the_decoder_alone(make: Make) -> None:
    method = make()
    assert not any("backbone" in name or name.startswith("cams") for name in method.state_dict())
    make().load_state_dict(method.state_dict())


@pytest.mark.parametrize(("key", "value"), [("refine_start", 1.5), ("refine_layers", 0), ("affinity_weight", -1.0)])
def test_a_value_out_of_range_is_named(key: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"^{key}: expected"):
        Config(**{key: value})  # type: ignore[arg-type]
