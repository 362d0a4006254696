"""MasKD's term: who learns from which of its parts."""

import pytest
import torch
from tests.methods.toys import SMALL

from seglet.methods.distill import Config
from seglet.methods.distill.terms.base import FeaturePair, TermShape
from seglet.methods.distill.terms.learned_masks import MasKDOptions, MasKDTerm
from seglet.types import IGNORE, Target


def pair(label: int = 1) -> FeaturePair:
    draws = torch.Generator().manual_seed(0)
    student, teacher = torch.randn(2, 2, 4, 3, 3, generator=draws)
    target = Target(torch.full((2, 6, 6), label), torch.ones(2, 6, 6))
    return FeaturePair(student.requires_grad_(), teacher, target, None, draws, draws)


@pytest.fixture
def term() -> MasKDTerm:
    torch.manual_seed(0)
    return MasKDTerm(MasKDOptions(tokens=3), TermShape(4, 4, 5, 8))


def test_the_student_learns_from_the_distance_alone_and_the_tokens_from_the_rest(term: MasKDTerm) -> None:
    given = pair()
    parts = term(given)
    (own,) = torch.autograd.grad(parts[""].value, given.student, retain_graph=True)
    assert own.abs().sum() > 0
    rest = parts["tokens"].value + parts["overlap"].value
    found = torch.autograd.grad(rest, [given.student, term.tokens, term.classify.weight], allow_unused=True)
    assert found[0] is None
    assert all(gradient is not None and gradient.any() for gradient in found[1:])


def test_tokens_learn_to_keep_what_the_classes_need_without_overlap(term: MasKDTerm) -> None:
    optimiser, given = torch.optim.Adam(term.parameters(), lr=0.05), pair()
    first = term(given)
    for _ in range(20):
        optimiser.zero_grad()
        parts = term(given)
        (parts["tokens"].value + parts["overlap"].value).backward()
        optimiser.step()
    assert parts["tokens"].value < first["tokens"].value
    assert parts["overlap"].value < first["overlap"].value


def test_without_annotation_the_tokens_learn_from_the_overlap_alone(term: MasKDTerm) -> None:
    assert term(pair(IGNORE))["tokens"].value == 0


def test_a_mask_needs_a_token() -> None:
    with pytest.raises(ValueError, match="tokens: expected at least 1, got 0"):
        Config(**SMALL, terms=("maskd tokens=0",))
