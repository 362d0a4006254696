from collections.abc import Mapping

import numpy as np
import pytest
import torch
from tests.golden_near import assert_near
from torch import Tensor, nn

from seglet.models.distillation.teachers import EMA, Frozen


class Vector(nn.Module):
    def __init__(self, values: Tensor) -> None:
        super().__init__()
        self.values = nn.Parameter(values.clone())
        self.register_buffer("running", values.clone())
        self.register_buffer("steps", torch.tensor(0))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.values


@pytest.mark.golden("semi", "ema")
@pytest.mark.parametrize("ramp", [False, True], ids=["fixed", "ramp"])
def test_average_follows_the_authors_numbers(case: Mapping[str, np.ndarray], ramp: bool) -> None:
    ema = EMA(Vector(torch.from_numpy(case["teacher0"])), float(case["momentum"]), ramp)
    for i, (student, expected) in enumerate(zip(case["student"], case["ramp" if ramp else "fixed"], strict=True)):
        ema.update(Vector(torch.from_numpy(student)), step=int(case["start_iter"]) + i + 1)
        assert_near(ema.network.values, expected, 1e-12)
        assert_near(ema.network.running, expected, 1e-12)


def test_first_update_is_a_copy_and_integers_are_copied() -> None:
    student = Vector(torch.tensor([1.0, 2.0]))
    ema = EMA(Vector(torch.zeros(2)), 0.99)
    student.steps += 7
    ema.update(student, step=1)
    assert torch.equal(ema.network.values, student.values)
    assert ema.network.steps == 7


def test_average_is_a_copy_without_gradient_in_evaluation_mode() -> None:
    student = Vector(torch.ones(2))
    ema = EMA(student, 0.9).train()
    assert not ema.network.training
    assert not ema(torch.ones(2)).requires_grad
    assert student.values.requires_grad


def test_average_survives_a_checkpoint() -> None:
    ema, other = EMA(Vector(torch.ones(2)), 0.9), EMA(Vector(torch.zeros(2)), 0.9)
    other.load_state_dict(ema.state_dict())
    assert torch.equal(other.network.values, ema.network.values)


@pytest.mark.parametrize("momentum", [-0.1, 1.1])
def test_a_momentum_outside_0_to_1_is_refused(momentum: float) -> None:
    with pytest.raises(ValueError, match="momentum in"):
        EMA(nn.Linear(1, 1), momentum)


def test_steps_count_from_one() -> None:
    with pytest.raises(ValueError, match="counted from 1, got 0"):
        EMA(nn.Linear(1, 1), 0.9).update(nn.Linear(1, 1), 0)


class Pair(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.student = nn.Linear(2, 2)
        self.teacher = Frozen(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)))


def test_frozen_never_trains() -> None:
    pair = Pair().train()
    assert pair.student.training
    assert not any(part.training for part in pair.teacher.modules())
    assert not any(parameter.requires_grad for parameter in pair.teacher.parameters())


def test_frozen_lets_gradients_through_to_its_inputs() -> None:
    prompt = torch.ones(3, 2, requires_grad=True)
    Pair().teacher(prompt).sum().backward()
    assert prompt.grad is not None


def test_frozen_stays_out_of_checkpoints_and_still_loads_strictly() -> None:
    pair, other = Pair(), Pair()
    state = pair.state_dict()
    assert set(state) == {"student.weight", "student.bias"}
    taught = other.teacher.network[0].weight.clone()
    other.load_state_dict(state, strict=True)
    assert torch.equal(other.student.weight, pair.student.weight)
    assert torch.equal(other.teacher.network[0].weight, taught)
    assert set(state) == {"student.weight", "student.bias"}
