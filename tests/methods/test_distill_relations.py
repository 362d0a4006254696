"""CIRKD's relations within a batch, of all its images or of groups."""

import pytest
import torch
from torch import Tensor

from seglet.losses.distillation.cirkd_minibatch import cirkd_minibatch_loss
from seglet.methods.distill.terms.base import FeaturePair, TermShape
from seglet.methods.distill.terms.relations import MinibatchOptions, MinibatchTerm
from seglet.types import Target

SHAPE = TermShape(3, 5, 4, 8)


def maps(images: int) -> tuple[Tensor, Tensor]:
    draws = torch.Generator().manual_seed(0)
    return torch.randn(images, 3, 4, 4, generator=draws), torch.randn(images, 5, 4, 4, generator=draws)


def value(student: Tensor, teacher: Tensor, **options: int) -> float:
    target = Target(torch.zeros(len(student), 4, 4, dtype=torch.long), torch.ones(len(student), 4, 4))
    pair = FeaturePair(student, teacher, target, None, torch.Generator(), torch.Generator())
    return MinibatchTerm(MinibatchOptions(**options), SHAPE)(pair)[""].value.item()


def test_groups_are_batches_of_their_own_and_weigh_by_their_images() -> None:
    student, teacher = maps(5)
    parts = [cirkd_minibatch_loss(student[some], teacher[some]).item() for some in (slice(2), slice(2, 4), slice(4, 5))]
    assert value(student, teacher, group=2) == pytest.approx((2 * parts[0] + 2 * parts[1] + parts[2]) / 5, rel=1e-5)
    assert value(student, teacher) == pytest.approx(cirkd_minibatch_loss(student, teacher).item(), rel=1e-6)
    assert value(student, teacher, group=8) == value(student, teacher)
    assert abs(value(student, teacher, group=2) / value(student, teacher) - 1) > 1e-3


def test_memory_is_that_of_a_group() -> None:
    few, all_of_them = (MinibatchTerm(MinibatchOptions(group=group), SHAPE) for group in (2, 0))
    assert few.memory_bytes(16, (64, 128)) == all_of_them.memory_bytes(2, (64, 128))
