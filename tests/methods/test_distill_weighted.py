"""FOTF's weights over other terms than `kl`, which ask for them with `weighted=true`."""

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.methods.toys import CLASSES, SMALL, labelled, teacher
from torch import Tensor

from seglet.methods.distill import Config, Method
from seglet.methods.distill.term_spec import parse_terms
from seglet.methods.distill.terms import TERMS
from seglet.methods.distill.terms.base import FeaturePair, TermPart, TermShape
from seglet.types import Progress, Target

ONE_A_PIXEL = (
    "kl",
    "cwd tap=logits",
    "mse tap=logits",
    "dist",
    "dkd",
    "nkd",
    "diffkd tap=logits",
    "diffkd",
    "cwd",
    "mse",
)
ONE_A_CLASS = ("kl", "cwd tap=logits", "mse tap=logits")


def parts(term: str, weight: Tensor | None) -> dict[str, TermPart]:
    torch.manual_seed(0)  # the networks of DiffKD
    (spec,) = parse_terms([f"{term} weighted=true"])
    student, teacher = torch.randn(2, 2, 4, 4, 4, generator=torch.Generator().manual_seed(1))
    target = Target(torch.zeros(2, 4, 4, dtype=torch.long), torch.ones(2, 4, 4))
    pair = FeaturePair(student, teacher, target, weight, torch.Generator(), torch.Generator())
    return dict(spec.kind(spec.options, TermShape(4, 4, 4, 8))(pair))


@pytest.mark.parametrize("term", ONE_A_PIXEL)
@pytest.mark.parametrize("shape", [(2, 1, 4, 4), (2, 1, 1, 1)])
def test_weights_of_one_give_exactly_the_unweighted_value(term: str, shape: tuple[int, ...]) -> None:
    assert parts(term, torch.ones(shape)) == parts(term, None)


@pytest.mark.parametrize("term", ONE_A_CLASS)
def test_weights_of_one_for_each_class_change_nothing_either(term: str) -> None:
    assert parts(term, torch.ones(2, 4, 4, 4)) == parts(term, torch.ones(2, 4, 1, 1)) == parts(term, None)


@pytest.mark.parametrize("term", ONE_A_PIXEL)
def test_weights_of_two_double_what_teaches_the_student(term: str) -> None:
    plain, twice = parts(term, None), parts(term, torch.full((2, 1, 4, 4), 2.0))
    for name, part in plain.items():
        factor = 1 if name == "denoising" else 2  # DiffKD's own loss on the teacher's map
        torch.testing.assert_close(twice[name].value, factor * part.value)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    saved = tmp_path_factory.mktemp("weighted") / "teacher"
    teacher().save(saved)
    return saved


@pytest.mark.parametrize("term", ["dist", "cwd", "diffkd", "mse", "nkd"])
def test_weights_of_a_step_reach_the_term(folder: Path, term: str) -> None:
    def total(term: str, **keys: Any) -> Tensor:
        config = Config(**SMALL, teacher=str(folder), terms=(term,), task_weight=0.0, **keys)
        value: Tensor = Method.build(config, CLASSES, seed=0).train().losses(labelled(), Progress(0, 10)).total
        return value

    weigh: dict[str, Any] = {"weigh_kd": True, "uncertainty": "entropy"}
    assert total(f"{term} weighted=true", kappa=0, **weigh) == total(term)
    assert total(f"{term} weighted=true", kappa=5, **weigh) > total(term)


@pytest.mark.parametrize("name", [name for name, kind in TERMS.items() if kind.weighting == "none"])
def test_a_term_that_no_pixel_can_weight_says_why(name: str) -> None:
    reason = TERMS[name].unweighted_because
    assert reason != "its loss is no sum over pixels"
    with pytest.raises(ValueError, match=f"{name}: weighted: expected false: {reason}, so a weight of a pixel"):
        Config(**SMALL, terms=("kl", f"{name} weighted=true"), weigh_kd=True)


@pytest.mark.parametrize(
    ("term", "keys", "message"),
    [
        (
            "dist weighted=true",
            {"weigh_kd": True},
            "kd_merge: expected pixel .* dist, got channel, .* with one another",
        ),
        ("cwd weighted=true", {"weigh_kd": True, "kd_merge": "class"}, "kd_merge: expected pixel .* are no classes"),
        ("dist weighted=true", {}, "dist is weighted, but weigh_kd is false"),
        ("kl weighted=false", {"weigh_kd": True}, "weigh_kd: expected a term `kl` .* or another with weighted=true"),
    ],
)
def test_weights_that_a_term_cannot_use_are_refused(term: str, keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Config(**SMALL, terms=(term,), **keys)


def test_classes_of_logits_can_have_weights_of_their_own() -> None:
    config = Config(**SMALL, terms=("cwd tap=logits weighted=true", "cwd weight=5"), weigh_kd=True)
    assert config.terms == ("cwd tap=logits weighted=true", "cwd weight=5")  # accepted: no ValueError
