"""Distillation from teachers of other classes, and from the student's own average."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.methods.toys import CLASSES, SMALL, labelled, teacher
from tests.models.foundation.encoder_makers import save_encoder
from torch import Tensor, nn

from seglet.methods import distill, fotf
from seglet.methods.distill.terms import TERMS
from seglet.methods.uncertainty_config import UncertaintyWeightConfig
from seglet.methods.uncertainty_weights import Deviations, NetworkPass, StepPasses, UncertaintyWeights
from seglet.models.distillation.class_matching import match_teacher_classes
from seglet.models.distillation.class_teacher import ClassTeacher, SharedClasses
from seglet.models.distillation.teachers import Frozen
from seglet.models.foundation.loading import quiet_libraries
from seglet.models.foundation.pretrained_encoder import PretrainedEncoder
from seglet.tensors import resize_align_corners
from seglet.types import Classes, Crop, Labelled, Progress, Target

NOW = Progress(0, 10, seed=3, common_seed=4)
OTHER = Classes.named(["car", "building", "sky"])
BY_HAND = 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)


class Fixed(nn.Module):
    """A teacher of car, building and sky that gives the same logits for all images."""

    def __init__(self, shares: list[list[float]]) -> None:
        super().__init__()
        self.logits = torch.tensor(shares).log().T.view(1, 3, 1, 2)

    def forward(self, images: Tensor) -> Tensor:
        return self.logits


def two_pixels(*labels: int) -> Labelled:
    target = Target(torch.tensor([[labels]]), torch.ones(1, 1, 2))
    crop = Crop(torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.zeros(1, dtype=torch.bool))
    return Labelled(("a",), torch.zeros(1, 3, 1, 2), target, crop)


def shared_teacher() -> ClassTeacher:
    match = match_teacher_classes(CLASSES, OTHER.names)  # sky and car; the teacher lacks road
    return ClassTeacher(Frozen(Fixed([[0.1, 0.6, 0.3], [0.4, 0.2, 0.4]])), SharedClasses(match))  # type: ignore[type-var]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ((0, 1), BY_HAND),  # the second pixel is road, which the teacher lacks
        ((0, 2), BY_HAND / 2),  # there both are equal
        ((1, 1), 0),
    ],
)
def test_the_shared_classes_are_distilled_by_hand(labels: tuple[int, int], expected: float) -> None:
    shares = torch.tensor([[1.0, 7.0, 1.0], [2.0, 1.0, 2.0]])  # sky, road, car of both pixels
    logits = shares.log().T.reshape(1, 3, 1, 2)
    step = two_pixels(*labels)
    config = fotf.Config(**SMALL, weigh_kd=False, weigh_task=False)
    method = fotf.Method(config, teacher(), shared_teacher())
    weights = fotf.method.LossWeights(step.target)
    assert float(
        method._distillation(method.teacher, logits, method.teacher(step.images), step, weights)
    ) == pytest.approx(expected, abs=1e-6)


def test_unannotated_pixels_may_be_left_out_too() -> None:
    step = two_pixels(0, 255)
    logits = torch.tensor([[1.0, 7.0, 1.0], [9.0, 1.0, 1.0]]).log().T.reshape(1, 3, 1, 2)
    config = fotf.Config(**SMALL, weigh_kd=False, weigh_task=False, mask_ignored=True)
    method = fotf.Method(config, teacher(), shared_teacher())
    weights = fotf.method.LossWeights(step.target)
    found = method._distillation(method.teacher, logits, method.teacher(step.images), step, weights)
    assert float(found) == pytest.approx(BY_HAND, abs=1e-6)


def test_weights_of_distillation_are_those_of_the_shared_classes() -> None:
    deviations = torch.tensor([0.1, 0.9, 0.3]).view(1, 3, 1, 1).expand(1, 3, 1, 2)
    config = UncertaintyWeightConfig(kappa=1, kd_merge="pixel", task_merge="pixel")
    passes = StepPasses(NetworkPass(nn.Identity(), deviations, None), two_pixels(0, 1).target, shared=(0, 2))
    weights = UncertaintyWeights(config).weigh(Deviations(deviations, deviations), passes, step=0)
    assert weights.distillation is not None
    assert weights.distillation.flatten().tolist() == pytest.approx([1.2, 1.2])  # 1 + (0.1 + 0.3) / 2
    assert weights.target.weight.flatten().tolist() == pytest.approx([1 + 1.3 / 3] * 2)


@pytest.fixture
def folder(tmp_path: Path) -> str:
    teacher(OTHER).save(tmp_path / "other")
    return str(tmp_path / "other")


def build(folder: str, *terms: str, **changes: Any) -> distill.Method:
    config = distill.Config(**{**SMALL, "teacher": folder, "terms": terms, **changes})
    return distill.Method.build(config, CLASSES, seed=0).train()


@pytest.mark.parametrize("name", TERMS)
@pytest.mark.parametrize("place", ["", " tap=logits"])
def test_every_term_learns_from_a_teacher_of_other_classes(folder: str, name: str, place: str) -> None:
    term = {"afdcd": "afdcd pool=1 groups=2"}.get(name, name) + place
    method = build(folder, term, task_weight=0.0)
    losses = method.losses(labelled(), NOW)
    losses.total.backward()
    assert torch.isfinite(losses.total)
    assert any(bool(p.grad.any()) for p in method.student.parameters() if p.grad is not None)


@pytest.mark.parametrize("term", ["kl", "dist", "cwd tap=logits", "mse tap=logits"])
def test_a_class_that_the_teacher_lacks_is_not_learned_from_it(folder: str, term: str) -> None:
    method = build(folder, term, task_weight=0.0)
    method.losses(labelled(), NOW).total.backward()
    gradient = method.student.network.head.tail.classifier.weight.grad
    assert gradient is not None
    assert gradient[0].any()
    assert not gradient[1].any()  # road


def test_kl_alone_equals_fotf_without_weights(folder: str) -> None:
    plain = fotf.Config(**SMALL, teacher=folder, weigh_kd=False, weigh_task=False)
    theirs = fotf.Method.build(plain, CLASSES, seed=0).train().losses(labelled(), NOW)
    assert build(folder, "kl").losses(labelled(), NOW).total == theirs.total


def test_its_scores_are_those_of_the_classes_it_shares(folder: str) -> None:
    method = build(folder, "kl")
    assert method.reference_labels() == {"teacher": (0, 2)}
    assert method.training_notes((32, 32), 2)[0] == "teacher classes: sky ← sky; car ← car"


def test_at_the_start_the_average_teaches_what_the_student_knows() -> None:
    method = build("ema", "mse tap=logits", dropout=0.0, task_weight=0.0)
    method.eval()
    assert method.losses(labelled(), NOW).terms["mse"] == 0
    with torch.no_grad():
        method.student.network.head.tail.classifier.bias += torch.tensor([1.0, 0.0, 0.0])
    before = method.losses(labelled(), NOW).terms["mse"]
    method.after_step(Progress(1, 10))  # the first update is a copy
    assert before.item() == pytest.approx(1 / 3)
    assert method.losses(labelled(), NOW).terms["mse"] == 0


def test_the_average_is_checkpointed_and_not_scored_beforehand() -> None:
    for method in (build("ema", "kl"), fotf.Method.build(fotf.Config(**SMALL, teacher="ema"), CLASSES, seed=0)):
        assert any(name.startswith("teacher.") for name in method.state_dict())
        assert not any(weight.requires_grad for weight in method.teacher.parameters())
    assert build("ema", "kl").reference_predictions() == {}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    with quiet_libraries():
        return f"hf:{save_encoder(tmp_path_factory.mktemp('encoder') / 'dinov2', 'dinov2')}"


@pytest.mark.parametrize("term", ["mse", "cwd", "afdcd pool=1", "skd", "at", "cirkd-memory", "diffkd"])
def test_a_frozen_encoder_teaches_features_without_any_teacher(encoder: str, term: str) -> None:
    config = distill.Config(**SMALL, terms=(f"{term} tap=stage4 teacher={encoder}",), task_weight=0.0)
    method = distill.Method.build(config, CLASSES, seed=0).train()
    losses = method.losses(labelled(), NOW)
    losses.total.backward()
    assert torch.isfinite(losses.total)
    assert any(bool(p.grad.any()) for p in method.student.parameters() if p.grad is not None)
    assert not any("encoders" in name for name in method.state_dict())
    assert method.reference_predictions() == method.reference_labels() == {}


def test_an_encoder_is_compared_by_hand(encoder: str) -> None:
    config = distill.Config(**SMALL, terms=(f"mse weight=2 tap=stage4 teacher_tap=layer1 teacher={encoder}",))
    method = distill.Method.build(config, CLASSES, seed=0).train()
    (tapped,) = method.tapped
    images = labelled().images
    theirs = PretrainedEncoder.load(encoder)(images, "layer1")
    own = method.eval().student.network.backbone(images)[3]
    assert tapped.adaptor is not None
    expected = (tapped.adaptor(own) - resize_align_corners(theirs, own.shape[-2:])).square().mean()
    torch.testing.assert_close(method.losses(labelled(), NOW).terms["mse"], expected)


def test_encoders_stand_beside_a_teacher_and_each_other(encoder: str, folder: str) -> None:
    terms = ("kl", f"mse tap=stage4 teacher={encoder}", "mse tap=stage4", f"cwd tap=stage3 teacher={encoder}")
    method = build(folder, *terms)
    assert set(method.losses(labelled(), NOW).terms) >= {"kl", "mse-stage4", "mse-stage4-dinov2", "cwd"}
    notes = method.training_notes((32, 32), 2)
    assert len([note for note in notes if note.startswith(f"teacher of features {encoder}: dinov2, sha256:")]) == 1
    assert f"term mse-stage4-dinov2: weight 10 at stage4 of the student, last of {encoder}, 64 → 16 chan" in notes[-3]


@pytest.mark.parametrize(
    ("term", "message"),
    [
        ("mse teacher=facebook/dinov2-small", "teacher: expected an encoder as hf:OWNER/NAME or hf:FOLDER"),
        ("kl teacher=hf:x", "an encoder has features and no logits"),
    ],
)
def test_an_encoder_that_cannot_teach_this_is_refused(term: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        distill.Config(terms=(term,))


def test_a_place_that_an_encoder_lacks_is_refused(encoder: str) -> None:
    with pytest.raises(ValueError, match=r"terms: in hf:.* there is nothing to tap at 'stage4'"):
        build("ema", f"mse teacher_tap=stage4 teacher={encoder}")


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> str:
    root = tmp_path_factory.mktemp("several")
    for name, seed in (("first", 1), ("second", 2)):
        torch.manual_seed(seed)
        teacher().save(root / name)
    return f"{root / 'first'}, {root / 'second'}"


def test_several_teachers_are_scored_alone_and_together(several: str) -> None:
    method = build(several, "kl", teacher_rule="class")
    assert list(method.reference_predictions()) == ["teacher-1", "teacher-2", "teacher"]
    assert method.learn_reference_scores("teacher-1", [0.9, 0.1, math.nan]) == []
    lines = method.learn_reference_scores("teacher-2", [0.2, 0.3, math.nan])
    assert lines == ["classes by teacher: sky 1, road 2, car mean"]
    assert method.learn_reference_scores("teacher", [0.9, 0.3, 0.1]) == []
    assert [name for name in method.state_dict() if name.startswith("teacher.")] == ["teacher.source.scores"]


def test_several_teachers_teach_by_their_logits_whatever_the_term(several: str) -> None:
    method = build(several, "dist", uncertainty="teacher-entropy", weigh_kd=False)
    assert torch.isfinite(method.losses(labelled(), NOW).total)
    assert method.training_notes((32, 32), 2)[0] == "2 teachers: the mean of probabilities"
    fotf_config = fotf.Config(**SMALL, teacher=several)
    assert torch.isfinite(fotf.Method.build(fotf_config, CLASSES, seed=0).train().losses(labelled(), NOW).total)


def test_teachers_that_cannot_be_joined_are_refused(several: str, folder: str) -> None:
    with pytest.raises(ValueError, match="cannot be one of several teachers"):
        build(f"ema, {folder}", "kl")
    with pytest.raises(ValueError, match=r"each of several needs all classes, but .* lacks road; map them"):
        build(f"{several}, {folder}", "kl")
    with pytest.raises(ValueError, match="a group of teachers gives its logits alone"):
        build(several, "cwd")
    with pytest.raises(ValueError, match="teacher_rule: class chooses among several teachers"):
        build(folder, "kl", teacher_rule="class")
