"""Pixels without annotation, which terms leave out with `mask_ignored=true`."""

import pytest
import torch
from torch import Tensor

from seglet.methods.distill.term_spec import parse_terms
from seglet.methods.distill.terms.base import FeaturePair, TermShape
from seglet.types import IGNORE, Target

TERMS = ("kl", "dist", "cwd tap=logits", "skd tap=logits", "skd-original tap=logits", "cirkd-minibatch group=2")
SHAPE = TermShape(4, 4, 4, 8)


def value(term: str, student: Tensor, teacher: Tensor, labels: Tensor) -> Tensor:
    (spec,) = parse_terms([term])
    pair = FeaturePair(student, teacher, Target(labels, torch.ones(labels.shape)), None, *[torch.Generator()] * 2)
    return spec.kind(spec.options, SHAPE)(pair)[""].value


def maps() -> tuple[Tensor, Tensor, Tensor]:
    """Maps of three images, the last of which has no annotation, and labels of twice their size."""
    draws = torch.Generator().manual_seed(0)
    student, teacher = torch.randn(2, 3, 4, 4, 4, generator=draws)
    labels = torch.zeros(3, 8, 8, dtype=torch.long)
    labels[:2, :4], labels[2] = IGNORE, IGNORE
    return student, teacher, labels


@pytest.mark.parametrize("term", TERMS)
def test_the_values_at_ignored_places_do_not_matter(term: str) -> None:
    student, teacher, labels = maps()
    bare = torch.tensor([[True] * 2 + [False] * 2] * 2 + [[True] * 4])[:, None, :, None]
    others = student.where(~bare, 50), teacher.where(~bare, -3)
    masked = f"{term} mask_ignored=true"
    assert value(masked, *others, labels) == value(masked, student, teacher, labels) > 0
    assert value(term, *others, labels) != value(term, student, teacher, labels)


@pytest.mark.parametrize("term", [term for term in TERMS if "original" not in term])  # its places grow with the map
def test_the_annotated_part_gives_what_it_gives_alone(term: str) -> None:
    student, teacher, labels = maps()
    masked = value(f"{term} mask_ignored=true", student, teacher, labels)
    torch.testing.assert_close(masked, value(term, student[:2, :, 2:], teacher[:2, :, 2:], labels[:2, 4:]))


@pytest.mark.parametrize("term", TERMS)
def test_a_batch_without_annotation_costs_nothing(term: str) -> None:
    student, teacher, labels = maps()
    student.requires_grad_()
    nothing = value(f"{term} mask_ignored=true", student, teacher, torch.full_like(labels, IGNORE))
    (gradient,) = torch.autograd.grad(nothing, student)
    assert nothing == 0
    assert torch.count_nonzero(gradient) == 0
