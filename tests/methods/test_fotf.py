from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.methods.toys import CLASSES, SMALL, fotf, labelled, teacher
from torch.nn.modules.batchnorm import _BatchNorm

from seglet.methods.fotf import Config, Method
from seglet.methods.uncertainty_weights import UncertaintyWeights
from seglet.models.segmenter import Segmenter
from seglet.types import IGNORE, Classes, Labelled, Progress, Target

VANILLA = {"weigh_kd": False, "weigh_task": False}
NOW = Progress(0, 10, seed=3)


def void() -> Labelled:
    """Returns the two images without annotation."""
    step = labelled()
    return replace(step, target=Target(torch.full_like(step.target.labels, IGNORE), step.target.weight))


def with_teacher(source: Segmenter | None = None, **changes: Any) -> Method:
    """Returns a FOTF whose teacher its config names, though it is not loaded from there."""
    method = fotf(source=source, **{**changes, "uncertainty": "entropy"})
    method.config = replace(method.config, **changes)
    method.weights = UncertaintyWeights(method.config)
    return method


def total(method: Method) -> torch.Tensor:
    return method.losses(labelled(), NOW).total


def test_total_is_the_weighted_sum_of_its_terms() -> None:
    losses = fotf(kd_weight=2.0).losses(labelled(), NOW)
    terms = losses.terms
    torch.testing.assert_close(losses.total, terms["task"] + 0.4 * terms["auxiliary"] + 2 * terms["kd"])


def test_uncertainty_is_logged() -> None:
    terms = fotf().losses(labelled(), NOW).terms
    assert 0 < terms["deviation_mean"] < 0.71
    assert 1 < terms["weight_mean"] < terms["weight_max"]
    assert 1 < terms["task_weight_mean"] < terms["task_weight_max"]


def test_no_weight_exceeds_max_weight() -> None:
    terms = fotf(max_weight=1.5, kappa=10.0, m=10.0).losses(labelled(), NOW).terms
    assert terms["weight_max"] == terms["task_weight_max"] == 1.5


@pytest.mark.parametrize("changes", [{"kappa": 0.0}, {"m": 0.0}, {"samples": 1}, {"max_weight": 1.0}])
def test_with_weights_of_one_it_is_plain_distillation(changes: dict[str, float]) -> None:
    torch.testing.assert_close(total(fotf(**changes)), total(fotf(**VANILLA)), rtol=1e-6, atol=0)


def test_plain_distillation_needs_no_stochastic_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seglet.methods.uncertainty_weights.sample_deviations", None)  # calling it would fail
    assert set(fotf(**VANILLA).losses(labelled(), NOW).terms) == {"task", "auxiliary", "kd"}


def test_without_a_teacher_only_the_task_loss_is_weighted() -> None:
    terms = fotf(distils=False).losses(labelled(), NOW).terms
    assert "kd" not in terms
    assert "weight_mean" not in terms
    assert terms["task_weight_mean"] > 1


def test_weights_raise_the_task_loss() -> None:
    assert fotf(m=10.0).losses(labelled(), NOW).terms["task"] > fotf(**VANILLA).losses(labelled(), NOW).terms["task"]


def test_one_step_lowers_the_loss() -> None:
    method = fotf()
    optimiser = torch.optim.SGD([p for p in method.parameters() if p.requires_grad], lr=0.02)
    before = total(method)
    before.backward()
    optimiser.step()
    assert total(method) < before


def test_batch_statistics_move_as_in_plain_distillation() -> None:
    ours, plain = fotf(student="deeplabv3-resnet18"), fotf(student="deeplabv3-resnet18", **VANILLA)
    total(ours), total(plain)
    for mine, theirs in zip(ours.student.modules(), plain.student.modules(), strict=True):
        if isinstance(mine, _BatchNorm) and isinstance(theirs, _BatchNorm):
            assert torch.equal(mine.running_var, theirs.running_var)  # type: ignore[arg-type]
            assert torch.equal(mine.num_batches_tracked, theirs.num_batches_tracked)  # type: ignore[arg-type]


def test_losses_and_weights_stay_in_full_precision_under_autocast() -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        losses = fotf().losses(labelled(), NOW)
    assert {term.dtype for term in [losses.total, *losses.terms.values()]} == {torch.float32}


def test_a_step_depends_on_its_own_seed_alone() -> None:
    method = fotf()
    first = total(method)
    torch.rand(3)  # someone else draws
    assert total(method) == first
    assert method.losses(labelled(), Progress(0, 10, seed=4)).total != first


def test_gradients_reach_the_student_alone() -> None:
    method = fotf()
    total(method).backward()
    assert all(p.grad is not None for p in method.student.parameters())
    assert all(p.grad is None for p in method.teacher.parameters())  # type: ignore[union-attr]


def test_the_teacher_is_no_part_of_a_checkpoint() -> None:
    assert not any(name.startswith("teacher") for name in fotf().state_dict())


def test_a_teacher_of_another_resolution_is_resized() -> None:
    method = fotf(source=teacher(output_stride=16))
    assert torch.isfinite(total(method))


def test_masking_leaves_void_out_of_distillation() -> None:
    assert fotf(mask_ignored=True).losses(void(), NOW).terms["kd"] == 0
    assert fotf(mask_ignored=False).losses(void(), NOW).terms["kd"] > 0


@pytest.mark.parametrize("changes", [{}, {"deviation_at": "labels"}, {"sites": "last"}])
def test_a_batch_without_annotation_stays_finite(changes: dict[str, str]) -> None:
    losses = fotf(distils=False, **changes).losses(void(), NOW)
    assert losses.total == 0
    assert all(torch.isfinite(term) for term in losses.terms.values())


@pytest.mark.parametrize("merging", ["logits", "pixel", "channel", "sample", "class"])
@pytest.mark.parametrize("where", ["logits", "labels"])
def test_every_merging_works_in_both_losses(merging: str, where: str) -> None:
    changes = {"kd_merge": merging, "task_merge": merging, "deviation_at": where}
    assert torch.isfinite(total(fotf(student="segformer-mit_b0", width=0.25, auxiliary_weight=0.0, **changes)))


@pytest.mark.parametrize("kind", ["entropy", "margin", "teacher-entropy"])
def test_the_uncertainty_of_one_pass_weighs_without_stochastic_passes(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seglet.methods.uncertainty_weights.sample_deviations", None)  # calling it would fail
    terms = with_teacher(uncertainty=kind, dropout=0.0).losses(labelled(), NOW).terms
    assert 1 < terms["weight_mean"] < terms["weight_max"]
    assert 1 < terms["task_weight_mean"] < terms["task_weight_max"]
    assert terms["tilt"] == 0  # one weight a pixel


@pytest.mark.parametrize("merging", ["pixel", "class", "sample"])
@pytest.mark.parametrize("where", ["logits", "labels"])
def test_the_teachers_passes_weigh_at_any_size(merging: str, where: str) -> None:
    changes = {"uncertainty": "teacher-mc", "kd_merge": merging, "task_merge": merging, "deviation_at": where}
    terms = with_teacher(teacher(output_stride=16), **changes).losses(labelled(), NOW).terms
    assert 1 < terms["weight_mean"] <= terms["weight_max"]


def test_a_student_without_dropout_is_refused_when_it_is_built() -> None:
    for sites in ("all", "last"):
        with pytest.raises(ValueError, match="the student has no dropout in its head"):
            Method.build(Config(**SMALL, dropout=0.0, sites=sites), CLASSES, seed=0)
    assert Method.build(Config(**SMALL, dropout=0.0, weigh_task=False), CLASSES, seed=0)  # nothing is weighted


@pytest.mark.parametrize(
    ("kind", "source", "message"),
    [
        ("teacher-mc", None, "needs a teacher"),
        ("teacher-mc", teacher(dropout=0.0), "the teacher has no dropout in its head"),
        ("teacher-mc", teacher(Classes.named(["road", "sky"])), "needs a teacher of the data's own classes"),
    ],
)
def test_a_teacher_without_the_uncertainty_asked_for_is_refused(
    kind: str, source: Segmenter | None, message: str, tmp_path: Path
) -> None:
    if source is not None:
        source.save(tmp_path / "teacher")
    folder = None if source is None else str(tmp_path / "teacher")
    with pytest.raises(ValueError, match=message):
        Method.build(Config(**SMALL, teacher=folder, uncertainty=kind), CLASSES, seed=0)


def test_classes_of_one_value_a_pixel_are_refused_by_key() -> None:
    with pytest.raises(ValueError, match="kd_merge: entropy has one value a pixel and none a class"):
        Config(uncertainty="entropy", kd_merge="channel")


def test_the_generalised_form_is_never_negative_and_tilts_nothing() -> None:
    sharp = {"kappa": 10.0, "m": 10.0, "kd_merge": "logits"}
    paper, ours = (fotf(**sharp, kd_form=form).losses(labelled(), NOW).terms for form in ("eq3", "generalised"))
    assert paper["tilt"] > 0 == ours["tilt"]
    assert 0 < ours["kd"] != paper["kd"]
    assert ours["weight/sky"] == paper["weight/sky"]
    assert ours["weight_effective"] > 1


def test_training_warns_of_large_weights_and_of_another_target_than_the_teachers() -> None:
    method = fotf()
    assert method.training_warnings({"kd": 0.1, "weight_max": 20.0, "tilt": 0.02}, NOW) == {}
    found = method.training_warnings({"kd": -0.1, "weight_max": 66.0, "tilt": 0.045}, NOW)
    assert found.keys() == {"weights", "negative", "tilt"}
    assert "the largest is 66" in found["weights"]
    assert "in 4.5 % of the pixels" in found["tilt"]


def test_the_teacher_is_loaded_from_its_folder(tmp_path: Path) -> None:
    teacher().save(tmp_path / "teacher")
    method = Method.build(Config(**SMALL, teacher=str(tmp_path / "teacher")), CLASSES, seed=0)
    torch.testing.assert_close(total(method.train()), total(fotf()))


def test_a_teacher_of_the_same_classes_in_another_order_teaches_the_same(tmp_path: Path) -> None:
    other, same = teacher(Classes(("sky", "car", "road"), CLASSES.colours)), teacher()
    classifiers = [one.network.head.tail.classifier for one in (other, same)]
    with torch.no_grad():
        for mine, theirs in zip(*(layer.parameters() for layer in classifiers), strict=True):
            mine.copy_(theirs[[0, 2, 1]])
    other.save(tmp_path / "teacher")
    method = Method.build(Config(**SMALL, teacher=str(tmp_path / "teacher")), CLASSES, seed=0)
    torch.testing.assert_close(total(method.train()), total(fotf()))


@pytest.mark.parametrize(
    ("key", "value"),
    [("samples", 0), ("kappa", -1.0), ("m", -1.0), ("ddof", 2), ("temperature", 0.0), ("max_weight", 0.5)],
)
def test_impossible_values_are_refused_by_key(key: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"^{key}: expected"):
        Config(**{key: value})  # type: ignore[arg-type]


def test_images_without_masks_are_distilled_and_count_in_no_task_loss() -> None:
    step = labelled()
    half = torch.where(torch.tensor([False, True]).view(2, 1, 1), IGNORE, step.target.labels)
    few = replace(step, target=Target(half, step.target.weight))
    whole, partly, none = (fotf(**VANILLA).losses(it, NOW).terms for it in (step, few, void()))
    assert whole["kd"] == partly["kd"] == none["kd"] > 0
    assert 0 == none["task"] < partly["task"] != whole["task"]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"unlabelled_share": 0.5}, "unlabelled_share: .* there is no teacher"),
        ({"unlabelled_split": "rest"}, "unlabelled_split: .* there is no teacher"),
        ({"unlabelled_share": 0.5, "teacher": "ema", "mask_ignored": True}, "mask_ignored leaves them out"),
    ],
)
def test_images_without_masks_that_would_teach_nothing_are_refused(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Config(**keys)
    assert Config().unlabelled_obstacle
