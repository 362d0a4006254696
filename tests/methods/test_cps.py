"""Cross pseudo supervision: what each network learns from, and from whom."""

from typing import Any

import pytest
import torch
from tests.methods.semi import semi
from tests.methods.toys import CLASSES, SMALL, labelled

from seglet.losses.task import cross_entropy
from seglet.methods.cps import Config, Method
from seglet.types import Progress

BEGIN = Progress(0, 10, seed=3)


def cps(**changes: Any) -> Method:
    return Method.build(Config(**{**SMALL, **changes}), CLASSES, seed=0).train()


def test_the_total_is_the_weighted_sum_of_masks_and_pseudo_labels() -> None:
    losses = cps(pseudo_weight=1.5).losses(semi(streams=1), BEGIN)
    torch.testing.assert_close(losses.total, losses.terms["labelled"] + 1.5 * losses.terms["pseudo"])


def test_both_networks_learn_the_masks_and_start_differently() -> None:
    method = cps(dropout=0.0).eval()
    alone = [cross_entropy(net.network(labelled().images).logits, labelled().target)
             for net in (method.student, method.second)]  # fmt: skip
    torch.testing.assert_close(method.losses(semi(streams=1), BEGIN).terms["labelled"], sum(alone))
    assert alone[0] != alone[1]


def test_each_network_learns_what_the_other_says() -> None:
    method, step = cps(dropout=0.0, cutmix_chance=0.0).eval(), semi(streams=1)
    first, second = (net(step.unlabelled.images) for net in (method.student, method.second))
    valid = step.unlabelled.valid
    labels = [one.argmax(dim=1).masked_fill(~valid, 255) for one in (first, second)]
    expected = sum(
        torch.nn.functional.cross_entropy(logits, other, ignore_index=255)
        for logits, other in zip((first, second), labels[::-1], strict=True)
    )
    torch.testing.assert_close(method.losses(step, BEGIN).terms["pseudo"], expected)


@pytest.mark.parametrize("partner", [False, True])
def test_gradients_reach_both_networks_and_no_label(partner: bool) -> None:
    method = cps()
    method.losses(semi(partner, streams=1), BEGIN).total.backward()
    assert all(weight.grad is not None for weight in method.parameters())


def test_the_same_networks_agree_everywhere() -> None:
    method = cps(dropout=0.0)
    method.second.load_state_dict(method.student.state_dict())
    assert method.losses(semi(streams=1), BEGIN).terms["agree"] == 1


def test_the_first_network_is_saved_and_both_are_scored() -> None:
    method = cps()
    assert method.segmenter() is method.student
    assert set(method.extra_predictions()) == {"second"}
    assert method.least_confidences() == [0.0] * len(CLASSES)


def test_a_collapse_is_reported_once_training_is_under_way() -> None:
    terms = {"share/sky": 1.0, "labelled-share/sky": 0.5, "labelled-share/road": 0.5}
    assert cps().training_warnings(terms, Progress(1, 10)) == {}
    assert set(cps().training_warnings(terms, Progress(5, 10))) == {"collapse", "vanished"}


def test_one_step_lowers_the_loss() -> None:
    method = cps(dropout=0.0, cutmix_chance=0.0)
    optimiser = torch.optim.SGD(method.parameters(), lr=0.05)
    before = method.losses(semi(streams=1), BEGIN)
    before.total.backward()
    optimiser.step()
    assert method.losses(semi(streams=1), BEGIN).terms["labelled"] < before.terms["labelled"]


def test_a_negative_weight_is_refused() -> None:
    with pytest.raises(ValueError, match="pseudo_weight: expected 0 or more"):
        Config(pseudo_weight=-1.0)
