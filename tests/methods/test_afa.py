from dataclasses import replace
from typing import Any

import pytest
import torch
from tests.methods.toys import labelled

from seglet.methods.afa import Config, Method
from seglet.methods.afa.affinity import AttentionAffinity
from seglet.types import IGNORE, Classes, Progress, Tagged, without_background

CLASSES = Classes(("background", "road", "car"), ((0, 0, 0), (128, 128, 128), (255, 0, 0)))
SMALL: dict[str, Any] = {"student": "segformer-mit_b0", "width": 0.25, "last_stride": 8, "par_steps": 2}
EARLY, MIDDLE, LATE = (Progress(step, 10, seed=3) for step in (0, 2, 9))


def tagged() -> Tagged:
    batch = labelled()
    return Tagged(batch.ids, batch.images, torch.tensor([[0.0, 1, 0], [0.0, 1, 1]]), batch.crop)


def afa(**changes: Any) -> Method:
    return Method.build(Config(**{**SMALL, **changes}), CLASSES, seed=0).train()


def test_affinity_is_a_weighted_sum_of_symmetric_attention() -> None:
    affinity = AttentionAffinity(2, torch.Generator())
    affinity.heads.weight.data, affinity.heads.bias.data = torch.tensor([[1.0, 10.0]]), torch.tensor([0.5])
    heads = [torch.tensor([[[[0.8, 0.2], [0.4, 0.6]]]]), torch.tensor([[[[0.1, 0.0], [0.2, 0.0]]]])]
    torch.testing.assert_close(affinity(heads)[0], torch.tensor([[4.1, 3.1], [3.1, 1.7]]).sigmoid())


def test_tags_alone_are_learned_at_first() -> None:
    method = afa()
    losses = method.losses(tagged(), EARLY)
    assert set(losses.terms) == {"tags"}
    assert losses.total == losses.terms["tags"]
    losses.total.backward()
    assert all(p.grad is not None for p in method.parameters())  # several devices need that


def test_the_total_is_the_weighted_sum_of_the_terms() -> None:
    losses = afa(seg_weight=0.5, affinity_weight=0.25).losses(tagged(), LATE)
    terms = losses.terms
    torch.testing.assert_close(losses.total, terms["tags"] + 0.5 * terms["seg"] + 0.25 * terms["affinity"])


def test_one_step_lowers_the_loss() -> None:
    method = afa(drop_path=0.0, dropout=0.0)
    before = method.losses(tagged(), EARLY).total
    before.backward()
    torch.optim.SGD(method.parameters(), lr=0.01).step()
    assert method.losses(tagged(), EARLY).total < before


def test_labels_of_the_segmentation_follow_the_walk_later() -> None:
    method, step = afa(background_low=0.1, background_high=0.3), tagged()
    tags = without_background(step.tags)
    plain, same = method.labels(step, tags, walk=False)
    again, walked = method.labels(step, tags, walk=True)
    assert torch.equal(plain, same)
    assert torch.equal(plain, again)
    assert not torch.equal(plain, walked)
    assert set(walked[0].unique().tolist()) <= {0, 1, IGNORE}


def test_class_maps_fill_their_range_and_the_affinity_is_of_the_largest_scale() -> None:
    maps, affinity, grid = afa(cam_scales=(1.0, 1.5)).class_maps(tagged().images)
    assert maps.shape == (2, 2, 32, 32)
    assert maps.amin() == 0
    torch.testing.assert_close(maps.amax((2, 3)), torch.ones(2, 2), atol=1e-3, rtol=0)
    assert grid == (6, 6)  # 48 pixels in steps of 8
    torch.testing.assert_close(affinity, affinity.mT)


def test_an_image_without_any_tag_is_background() -> None:
    losses = afa().losses(replace(tagged(), tags=torch.zeros(2, 3)), LATE)
    losses.total.backward()
    assert all(torch.isfinite(term) for term in losses.terms.values())


def test_a_step_depends_on_its_own_seed_alone() -> None:
    method = afa()
    first = method.losses(tagged(), MIDDLE).total
    torch.rand(3)  # someone else draws
    assert method.losses(tagged(), MIDDLE).total == first


def test_frozen_norms_do_not_train(tmp_path: Any) -> None:
    with pytest.raises(ValueError, match="freeze_norms: expected false without student_weights"):
        afa(freeze_norms=True)
    afa().student.save(tmp_path / "start")
    method = afa(freeze_norms=True, student_weights=str(tmp_path / "start"))
    frozen = [name for name, p in method.named_parameters() if not p.requires_grad]
    assert frozen
    assert all("norm" in name for name in frozen)


def test_other_students_are_refused() -> None:
    with pytest.raises(ValueError, match="of a Mix Transformer alone"):
        afa(student="pspnet-resnet18")
