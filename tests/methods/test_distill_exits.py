"""OFA's term: exits at the student's stages, and teachers of another architecture."""

from dataclasses import replace

import pytest
import torch
from tests.methods.toys import CLASSES, SMALL, labelled, teacher
from tests.models.foundation.segmenter_makers import save_segmenter

from seglet.losses.distillation.target_split import target_enhanced_cross_entropy
from seglet.methods.distill import Config, Method
from seglet.models.distillation.logit_exit import LogitExit
from seglet.models.foundation.loading import quiet_libraries
from seglet.tensors import resize_align_corners, resize_labels
from seglet.types import IGNORE, Classes, Progress, Target

NOW = Progress(0, 10, seed=3, common_seed=4)
STAGES = tuple(f"ofa tap=stage{stage}" for stage in (1, 2, 3, 4))


def build(source: object, *terms: str, **keys: object) -> Method:
    config = Config(**{**SMALL, "teacher": str(source), "terms": terms, **keys})
    return Method.build(config, CLASSES, seed=0).train()


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("exits") / "teacher"
    teacher().save(folder)
    return folder


@pytest.mark.parametrize("kind", ["dpt", "beit", "segformer"])
def test_a_transformer_of_the_hub_teaches_every_stage_of_a_convolutional_student(kind: str, tmp_path) -> None:
    with quiet_libraries():
        save_segmenter(tmp_path / kind, kind, CLASSES.names)
    method = build(f"hf:{tmp_path / kind}", *STAGES, task_weight=0.0)
    method.losses(labelled(), NOW).total.backward()
    assert all(bool(weight.grad.any()) for weight in method.student.network.backbone.layer4.parameters())
    assert all(weight.grad is not None for weight in method.parameters() if weight.requires_grad)
    assert "head.tail" in method.untrained


def test_the_logits_themselves_have_no_exit_and_are_compared_by_hand(saved) -> None:
    method, batch = build(saved, "ofa tap=logits gamma=2").eval(), labelled()
    assert not list(method.tapped[0].parameters())
    terms = method.losses(batch, NOW).terms
    own = method.student.network(batch.images).logits
    theirs = method.teacher(batch.images)
    labels = resize_labels(batch.target.labels, own.shape[-2:])
    expected = target_enhanced_cross_entropy(own, resize_align_corners(theirs, own.shape[-2:]), labels, 2)
    torch.testing.assert_close(terms["ofa-target"], expected.target)
    torch.testing.assert_close(terms["ofa-others"], expected.others)


def test_an_exit_keeps_the_size_of_its_stage_and_holds_few_parameters() -> None:
    found = LogitExit(512, 3)
    assert found.eval()(torch.zeros(1, 512, 5, 7)).shape == (1, 3, 5, 7)
    convolutions = 512 * 9 + 512 * 256 + 256 * 3 + 3
    assert sum(weight.numel() for weight in found.parameters()) == convolutions + 2 * (512 + 256)


def test_exits_learn_beside_the_student_and_are_left_behind(saved) -> None:
    method = build(saved, *STAGES, task_weight=0.0)
    optimiser = torch.optim.Adam([weight for weight in method.parameters() if weight.requires_grad], lr=0.01)
    losses = []
    for _ in range(8):
        optimiser.zero_grad()
        losses.append(method.losses(labelled(), NOW).total)
        losses[-1].backward()
        optimiser.step()
    assert losses[-1] < 0.7 * losses[0]
    assert not any("exit" in name for name in method.student.state_dict())


def test_pixels_of_a_class_that_the_teacher_lacks_teach_no_stage(tmp_path) -> None:
    teacher(Classes.named(["car", "building", "sky"])).save(tmp_path / "other")
    method, batch = build(tmp_path / "other", "ofa tap=stage3 mask_ignored=false", task_weight=0.0), labelled()

    def total(label: int) -> float:
        labels = torch.full_like(batch.target.labels, label)
        changed = replace(batch, target=Target(labels, batch.target.weight))
        return float(method.losses(changed, NOW).total.detach())

    assert total(1) == 0  # road
    assert total(2) > 0 < total(IGNORE)


def test_places_that_are_no_logits_of_the_teacher_are_refused() -> None:
    with pytest.raises(ValueError, match="teacher_tap: expected logits, whose channels are classes, got stage4"):
        Config(**SMALL, terms=("ofa teacher_tap=stage4",))
    with pytest.raises(ValueError, match="an encoder has no logits"):
        Config(**SMALL, terms=("ofa teacher=hf:facebook/dinov2-small",))
    with pytest.raises(ValueError, match="gamma: expected 0 or more, got -1"):
        Config(**SMALL, terms=("ofa gamma=-1",))
