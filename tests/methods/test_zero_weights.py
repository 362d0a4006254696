"""Every trained parameter has a part in the loss, whatever weights are zero, as training on several devices needs."""

from dataclasses import fields
from typing import Any

import pytest
from tests.methods.toys import CLASSES, SMALL, fotf, labelled, teacher

from seglet.engine.module import check_gradients
from seglet.methods.distill import Config, Method
from seglet.methods.distill.terms import TERMS
from seglet.types import Progress
from seglet.values import option_help

NOW = Progress(0, 10, seed=3, common_seed=4)
SHAPES = {"afdcd": " pool=1", "diffkd": " code=4", "holistic": " mode=wgan-gp width=4"}
TERM_LISTS = [f"{name}{SHAPES.get(name, '')}" for name in TERMS]
ZEROS = [
    f"{term} {field.name}=0"
    for term in TERM_LISTS
    for field in fields(TERMS[term.split()[0]].options)
    if option_help(field).startswith("weight of")
]


@pytest.fixture(scope="module")
def distill(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("zero") / "teacher"
    teacher(width=0.25).save(folder)

    def build(*terms: str, **keys: object) -> Method:
        return Method.build(Config(**{**SMALL, "teacher": str(folder), "terms": terms, **keys}), CLASSES, 0).train()

    return build


def step(method: Any) -> Any:
    """Takes the gradients of a step, and checks that all trained parameters have one."""
    method.losses(labelled(), NOW).total.backward()
    check_gradients(method)
    return method


def test_the_zeros_are_those_of_all_terms() -> None:
    assert {zero.split()[0] for zero in ZEROS} == set(TERMS)
    assert {"holistic mode=wgan-gp width=4 adversarial=0", "afdcd pool=1 contrast=0", "dist beta=0"} <= set(ZEROS)


@pytest.mark.parametrize("term", TERM_LISTS)
def test_without_the_masks_all_trained_parameters_have_a_gradient(distill, term: str) -> None:
    step(distill(term, task_weight=0.0))


@pytest.mark.parametrize("zero", ZEROS)
def test_with_a_zero_in_a_term_all_trained_parameters_have_a_gradient(distill, zero: str) -> None:
    step(distill("kl tap=auxiliary", zero, task_weight=0.0))


@pytest.mark.parametrize("weight", ["kd_weight", "auxiliary_weight"])
def test_with_a_zero_in_fotf_all_trained_parameters_have_a_gradient(weight: str) -> None:
    step(fotf(**{weight: 0.0}))


def test_a_student_of_whom_only_a_stage_learns_keeps_what_lies_behind_it(distill) -> None:
    method = step(distill("at tap=stage3", task_weight=0.0))
    assert method.untrained == [
        "backbone.layer4",
        "head.pyramid",
        "head.conv",
        "head.tail",
        "auxiliary.conv",
        "auxiliary.classifier",
    ]


def test_the_notes_name_what_is_left_out(distill) -> None:
    notes = distill("kl", "holistic adversarial=0", task_weight=0.0).training_notes((32, 32), 2)
    assert notes[0] == "term holistic: left out, its weight is 0"
    assert notes[1].startswith("no loss reaches auxiliary")
    assert len(notes) == 3


def test_nothing_to_learn_from_is_refused() -> None:
    with pytest.raises(ValueError, match="task_weight: expected above 0 where all terms have weight 0"):
        Config(**SMALL, terms=("kl weight=0",), task_weight=0.0)
