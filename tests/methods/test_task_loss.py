from typing import Any

import pytest
import torch
from tests.methods.toys import CLASSES, SMALL, labelled

from seglet.losses.regions import dice_loss
from seglet.losses.task import cross_entropy, hard_pixel_cross_entropy
from seglet.methods import fixmatch, supervised
from seglet.methods.task_loss import TaskLoss, TaskLossConfig
from seglet.methods.task_terms import TASK_TERMS
from seglet.types import IGNORE, Progress, Target

STEP = labelled(size=8)
LOGITS = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def task(*terms: str, **more: Any) -> TaskLoss:
    return TaskLoss(TaskLossConfig(terms, **more), CLASSES)


def test_the_default_is_the_cross_entropy_bit_for_bit() -> None:
    assert TaskLoss(TaskLossConfig(), CLASSES)(LOGITS, STEP.target) == cross_entropy(LOGITS, STEP.target)


def test_terms_are_added_with_their_weights_and_named() -> None:
    parts = task("ce", "dice weight=0.5 smooth=2").parts("task", LOGITS, STEP.target)
    assert parts.keys() == {"task", "task/ce", "task/dice"}
    assert parts["task/dice"] == dice_loss(LOGITS, STEP.target, 2)
    torch.testing.assert_close(parts["task"], parts["task/ce"] + 0.5 * parts["task/dice"])


@pytest.mark.parametrize("term", TASK_TERMS)
def test_a_batch_that_is_all_void_costs_nothing_and_teaches_nothing(term: str) -> None:
    logits = (1e4 * LOGITS).requires_grad_()
    void = Target(torch.full_like(STEP.target.labels, IGNORE), STEP.target.weight)
    loss = task(term)(logits, void, torch.zeros(2, 3, 8, 8))
    loss.backward()
    assert (loss.item(), logits.grad.abs().max().item()) == (0, 0)


@pytest.mark.parametrize("term", sorted({*TASK_TERMS} - {"box", "affinity", "crf"}))  # these learn from void
def test_void_pixels_have_no_gradient(term: str) -> None:
    logits = LOGITS.clone().requires_grad_()
    task(term)(logits, STEP.target).backward()
    assert (logits.grad[:, :, 0] == 0).all()
    assert (logits.grad[:, :, 1:] != 0).any()


def test_median_weights_come_from_the_counts() -> None:
    loss = task("ce", class_weights=("median",))
    with pytest.raises(ValueError, match="not counted"):
        loss(LOGITS, STEP.target)
    loss.learn_frequencies(torch.tensor([80.0, 20.0, 0.0]), torch.tensor([100.0, 100.0, 0.0]))
    assert loss.class_weights.tolist() == [0.625, 2.5, 1.0]
    assert not loss.state_dict()  # a checkpoint does not hold what the data decide


def test_class_weights_are_numbers_or_named() -> None:
    assert task("focal", class_weights=("1", "2", "3")).class_weights.tolist() == [1, 2, 3]
    assert task("ohem", class_weights=("car=5",)).class_weights.tolist() == [1, 1, 5]


@pytest.mark.parametrize(
    ("terms", "weights", "message"),
    [
        (("dise",), (), "no term 'dise'; did you mean 'dice'"),
        (("ce", "ce"), (), "listed twice"),
        (("dice weight=0",), (), "leave the term out"),
        (("dice",), ("median",), "add ce, ohem or focal"),
        (("ce",), ("1", "2"), "expected 3 numbers"),
        (("ce",), ("cra=2",), "did you mean 'car'"),
        (("ce",), ("car=-1",), "numbers of 0 or more"),
    ],
)
def test_what_cannot_be_is_said(terms: tuple[str, ...], weights: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        task(*terms, class_weights=weights)


def test_hard_pixels_of_semi_supervised_methods_are_as_before() -> None:
    loss = TaskLoss(TaskLossConfig(), CLASSES, hard_pixels=20)
    assert loss(LOGITS, STEP.target) == hard_pixel_cross_entropy(LOGITS, STEP.target, 20)
    with pytest.raises(ValueError, match="ohem share=0 least=20"):
        TaskLoss(TaskLossConfig(("ce", "dice")), CLASSES, hard_pixels=20)


def test_a_method_learns_by_the_terms_of_its_config() -> None:
    method = supervised.Method.build(supervised.Config(**SMALL, task=("focal", "lovasz")), CLASSES, 0).train()
    losses = method.losses(labelled(), Progress(0, 1))
    assert {"task", "task/focal", "task/lovasz", "auxiliary"} == losses.terms.keys()
    losses.total.backward()


def test_wrong_terms_stop_a_config_and_not_only_its_run() -> None:
    with pytest.raises(ValueError, match="no term 'cee'"):
        fixmatch.Config(task=("cee",))
