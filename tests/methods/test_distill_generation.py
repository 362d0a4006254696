"""MGD by hand, and in a whole step of distillation."""

from dataclasses import replace

import pytest
import torch
from tests.methods.toys import CLASSES, SMALL, labelled, teacher
from torch import Tensor

from seglet.methods.distill import Config, Method
from seglet.methods.distill.terms.base import FeaturePair, TermShape
from seglet.methods.distill.terms.generation import MGDOptions, MGDTerm
from seglet.models.distillation.afdcd import FeatureMasking
from seglet.types import IGNORE, Progress, Target

NOW = Progress(0, 10, seed=3, common_seed=4)


@pytest.fixture(scope="module")
def distill(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("generation") / "teacher"
    teacher().save(folder)

    def build(*terms: str, **keys: object) -> Method:
        return Method.build(Config(**{**SMALL, "teacher": str(folder), "terms": terms, **keys}), CLASSES, 0).train()

    return build


def pair(student: Tensor, other: Tensor, labels: Tensor) -> FeaturePair:
    target = Target(labels, torch.ones(labels.shape))
    return FeaturePair(student, other, target, None, torch.Generator().manual_seed(0), torch.Generator())


def mgd(share: float) -> MGDTerm:
    """Generates 2·max(0, x) of a student's x that is visible: both convolutions look at their own pixel alone."""
    term = MGDTerm(MGDOptions(share=share), TermShape(1, 1, 3, 8))
    with torch.no_grad():
        for layer, scale in ((term.generation.redraw[0], 1.0), (term.generation.redraw[2], 2.0)):
            layer.weight.zero_()[..., 1, 1] = scale
            layer.bias.zero_()
    return term


MAPS = torch.tensor([[3.0, -1.0]]).reshape(1, 1, 1, 2), torch.tensor([[5.0, 2.0]]).reshape(1, 1, 1, 2)
VOID = torch.full((1, 1, 2), IGNORE)


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (0.0, (6 - 5) ** 2 + (0 - 2) ** 2),
        (1.0, 5**2 + 2**2),  # all is hidden
    ],
)
def test_mgd_by_hand_without_any_mask(share: float, expected: float) -> None:
    assert mgd(share)(pair(*MAPS, VOID))[""].value.item() == expected


def test_mgds_gradient_by_hand() -> None:
    student = MAPS[0].clone().requires_grad_()
    mgd(0.0)(pair(student, MAPS[1], VOID))[""].value.backward()
    assert student.grad is not None
    assert student.grad.flatten().tolist() == [2 * (6 - 5) * 2, 0]


def test_equal_channels_are_not_aligned_in_mgd_and_others_are() -> None:
    assert not list(FeatureMasking(8, 8, always_align=False).align.parameters())
    assert FeatureMasking(3, 8, always_align=False).align.weight.shape == (8, 3, 1, 1)


def test_mgd_hides_by_the_generator_of_the_step(distill) -> None:
    method = distill("mgd weight=1", task_weight=0.0)
    values = [method.losses(labelled(), replace(NOW, seed=seed)).terms["mgd"] for seed in (3, 3, 5)]
    assert values[0] == values[1] != values[2]
