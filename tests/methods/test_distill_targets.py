"""Terms that need the class of each pixel, and standardised logits, in a whole step of distillation."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.methods.toys import CLASSES, SMALL, labelled, teacher
from torch import Tensor

from seglet.losses.distillation.target_split import decoupled_divergence
from seglet.methods.distill import Config, Method
from seglet.methods.distill.term_spec import parse_terms
from seglet.methods.distill.terms.base import FeaturePair, TermShape
from seglet.methods.distill.terms.target_classes import DKDOptions, DKDTerm
from seglet.models.distillation.class_matching import match_teacher_classes
from seglet.models.distillation.class_teacher import SharedClasses
from seglet.types import IGNORE, Classes, Labelled, Progress, Target

NOW = Progress(0, 10, seed=3, common_seed=4)
TARGET_TERMS = pytest.mark.parametrize("name", ["dkd", "nkd"])


@pytest.fixture(scope="module")
def distill(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("targets") / "teacher"
    teacher().save(folder)

    def build(*terms: str, saved: Path = folder, **keys: object) -> Method:
        return Method.build(Config(**{**SMALL, "teacher": str(saved), "terms": terms, **keys}), CLASSES, 0).train()

    return build


def void() -> Labelled:
    batch = labelled()
    return replace(batch, target=Target(torch.full_like(batch.target.labels, IGNORE), batch.target.weight))


def maps() -> tuple[Tensor, Tensor]:
    student, other = torch.randn(2, 1, 3, 1, 4, generator=torch.Generator().manual_seed(0))
    return student, other


def pair(labels: list[int], places: list[int] | None = None) -> FeaturePair:
    target = Target(torch.tensor([[labels]]), torch.ones(1, 1, 4))
    source = torch.Generator()
    chosen = None if places is None else torch.tensor([[places]])
    return FeaturePair(*maps(), target, None, source, source, None, chosen)


def dkd(options: str) -> DKDTerm:
    (spec,) = parse_terms([f"dkd {options}"])
    term = spec.kind(spec.options, TermShape(3, 3, 3, 8))
    assert isinstance(term, DKDTerm)
    return term


@TARGET_TERMS
def test_without_annotation_the_teachers_class_is_the_target_or_there_is_none(distill, name: str) -> None:
    left_out = distill(name).losses(void(), NOW).terms
    taken = distill(f"{name} mask_ignored=false").losses(void(), NOW).terms
    assert left_out[f"{name}-target"] == left_out[f"{name}-others"] == 0
    assert taken[f"{name}-target"] > 0 < taken[f"{name}-others"]


def test_the_teachers_class_stands_in_for_missing_labels_alone() -> None:
    labels = [0, IGNORE, 2, IGNORE]
    seen = maps()[1].argmax(dim=1).flatten().tolist()
    filled = torch.tensor([[[0, seen[1], 2, seen[3]]]])
    parts = dkd("mask_ignored=false")(pair(labels))
    expected = decoupled_divergence(*maps(), filled, 4.0)
    assert [parts["target"].value, parts["others"].value] == list(expected)
    assert [parts["target"].weight, parts["others"].weight] == [1, 8]


def test_targets_are_places_among_the_classes_that_the_teacher_has() -> None:
    match = match_teacher_classes(CLASSES, Classes.named(["car", "building", "sky"]).names)  # sky 0, car 2; no road
    places = SharedClasses(match).places(torch.tensor([[[0, 1, 2, IGNORE]]]))
    assert places.flatten().tolist() == [0, IGNORE, 1, IGNORE]
    parts = dkd("mask_ignored=false")(pair([0, 1, 2, 1], [0, IGNORE, 1, IGNORE]))  # road is no missing label
    assert parts["target"].value == decoupled_divergence(*maps(), places, 4.0).target


def test_all_shared_classes_of_a_teacher_can_be_targets(distill, tmp_path: Path) -> None:
    teacher(Classes.named(["car", "building", "sky"])).save(tmp_path / "other")
    method = distill("dkd", saved=tmp_path / "other", task_weight=0.0)
    batch = labelled()
    car = replace(batch, target=Target(torch.full_like(batch.target.labels, 2), batch.target.weight))
    assert method.losses(car, NOW).total > 0


@TARGET_TERMS
def test_other_maps_than_logits_have_no_targets(name: str) -> None:
    for place in ("tap=feature", "teacher_tap=stage4"):
        with pytest.raises(ValueError, match="tap: expected logits, whose channels are the classes"):
            Config(**SMALL, terms=(f"{name} {place}",))


def test_dkd_of_two_zero_weights_is_left_out() -> None:
    off = [spec.options.off for spec in parse_terms(["dkd alpha=0 beta=0", "nkd gamma=0"])]
    assert off == [True, False]
    assert not dkd("alpha=0").chosen.off


def test_unlabelled_images_need_a_term_that_takes_them() -> None:
    with pytest.raises(ValueError, match=r"unlabelled_share: .* mask_ignored=true"):
        Config(terms=("dkd", "nkd"), unlabelled_share=0.5)
    assert Config(terms=("dkd mask_ignored=false",), unlabelled_share=0.5).unlabelled_obstacle == ""


@pytest.mark.parametrize("term", ["kl", "dkd", "nkd"])
def test_standardised_logits_of_any_spread_are_the_same(distill, term: str) -> None:
    method = distill(f"{term} standardise=true temperature=2", task_weight=0.0)
    before = method.losses(labelled(), NOW).total
    with torch.no_grad():
        classifier = method.teacher.network.head.tail.classifier
        classifier.weight.mul_(10)
        classifier.bias.mul_(10).add_(3)
    torch.testing.assert_close(method.losses(labelled(), NOW).total, before)


def test_standardised_logits_can_be_weighted_and_need_three_classes(distill) -> None:
    terms = distill("kl standardise=true", weigh_kd=True).losses(labelled(), NOW).terms
    assert terms["weight_effective"] > 1
    with pytest.raises(ValueError, match="z-scores of 2 classes have no gradient"):
        DKDTerm(DKDOptions(standardise=True), TermShape(2, 2, 2, 8))
