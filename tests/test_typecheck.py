"""Annotated shapes and types are checked while the tests run: a wrong one must not go through."""

import numpy as np
import pytest
import torch
from jaxtyping import TypeCheckError

from seglet.data.dataset import Sample
from seglet.evaluation.confusion import confusion_matrix
from seglet.losses.distillation.kl import kl_divergence
from seglet.losses.task import cross_entropy
from seglet.types import Target

TARGET = Target(torch.zeros(2, 4, 4, dtype=torch.long), torch.ones(2, 4, 4))


def test_axes_of_one_name_have_one_length() -> None:
    with pytest.raises(TypeCheckError, match="labels"):
        confusion_matrix(torch.zeros(4, dtype=torch.long), torch.zeros(5, dtype=torch.long), 3)


def test_every_axis_is_there() -> None:
    with pytest.raises(TypeCheckError, match="logits"):
        cross_entropy(torch.zeros(3, 4, 4), TARGET)


def test_the_fields_of_a_record_fit_each_other() -> None:
    with pytest.raises(TypeCheckError, match="weight"):
        Target(TARGET.labels, torch.ones(2, 4, 5))


def test_kinds_of_numbers_are_not_mixed_up() -> None:
    with pytest.raises(TypeCheckError, match="weight"):
        Target(TARGET.labels, torch.ones(2, 4, 4, dtype=torch.int64))


def test_plain_types_are_checked_too() -> None:
    with pytest.raises(TypeCheckError, match="tags"):
        Sample("one", np.zeros((4, 4, 3), np.uint8), None, tags=["cat"])


def test_a_whole_number_may_stand_for_a_float() -> None:
    logits = torch.zeros(1, 2, 4, 4)
    assert kl_divergence(logits, logits, temperature=1) == 0


@pytest.mark.usefixtures("unchecked")
def test_a_test_can_look_at_what_users_meet_without_the_checks() -> None:
    with pytest.raises(ValueError, match="differ in shape"):
        confusion_matrix(torch.zeros(4, dtype=torch.long), torch.zeros(5, dtype=torch.long), 3)
