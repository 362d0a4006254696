"""Boundary weights of `kl`, by hand and in a whole step of distillation."""

import pytest
import torch
from tests.methods.toys import CLASSES, SMALL, labelled, teacher
from torch import Tensor

from seglet.methods.distill import Config, Method
from seglet.methods.distill.terms.base import FeaturePair, TermShape
from seglet.methods.distill.terms.pixels import KLOptions, KLTerm
from seglet.types import IGNORE, Progress, Target

NOW = Progress(0, 10, seed=3, common_seed=4)


@pytest.fixture(scope="module")
def distill(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("boundaries") / "teacher"
    teacher().save(folder)

    def build(*terms: str, **keys: object) -> Method:
        return Method.build(Config(**{**SMALL, "teacher": str(folder), "terms": terms, **keys}), CLASSES, 0).train()

    return build


def kl(options: KLOptions, labels: list[int], weight: Tensor | None = None) -> float:
    student = torch.tensor([[-1.0, -1.0, 0.0, 2.0], [0.0, 0.0, 0.0, 0.0]]).reshape(1, 2, 1, 4)
    other = torch.tensor([[-1.0, -1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0]]).reshape(1, 2, 1, 4)
    term = KLTerm(options, TermShape(2, 2, 2, 8))
    target = Target(torch.tensor([[labels]]), torch.ones(1, 1, 4))
    pair = FeaturePair(student, other, target, weight, torch.Generator(), torch.Generator())
    return term(pair)[""].value.item()


def test_boundary_weights_multiply_what_diverges_there() -> None:
    plain, near = KLOptions(), KLOptions(boundary=1, boundary_weight=3.0)
    left, right = kl(plain, [0, 0, 0, 0]), kl(KLOptions(mask_ignored=True), [IGNORE, IGNORE, IGNORE, 0])
    third = 4 * left - right  # pixels 0 and 1 agree; pixels 2 and 3 diverge
    assert kl(near, [0, 0, 1, 1]) == pytest.approx((1.5 * third + 0.5 * right) / 4)  # weights 1/2, 3/2, 3/2, 1/2
    assert kl(near, [0, 0, 0, 0]) == pytest.approx(left)
    assert kl(near, [0, 0, 1, 1], torch.full((1, 1, 1, 1), 2.0)) == pytest.approx((3 * third + right) / 4)


def test_without_any_label_the_boundaries_are_the_teachers() -> None:
    near = KLOptions(boundary=1, boundary_weight=3.0)
    assert kl(near, [IGNORE] * 4) == kl(near, [0, 0, 1, 1]) != kl(near, [0, 0, 0, 0])


def test_boundary_options_out_of_range_are_refused() -> None:
    for term in ("kl boundary=-1", "kl boundary_weight=0"):
        with pytest.raises(ValueError, match="boundary: expected 0 or more, and boundary_weight above 0"):
            Config(**SMALL, terms=(term,))


@pytest.mark.parametrize("reduction", ["cirkd", "ifvd", "skd"])
def test_boundaries_weigh_in_every_reduction_beside_fotf(distill, reduction: str) -> None:
    changed = [
        distill(f"kl reduction={reduction} boundary={reach}", weigh_kd=True).losses(labelled(), NOW).terms["kl"]
        for reach in (0, 1)
    ]
    assert torch.isfinite(changed[1])
    assert changed[0] != changed[1]
