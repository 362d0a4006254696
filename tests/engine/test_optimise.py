from types import SimpleNamespace
from typing import Any

import pytest
import torch
from tests.engine.toys import tiny

from seglet.data.world.dataset import World
from seglet.engine.learning_rate import scheduled_learning_rate
from seglet.engine.method_setup import build_method
from seglet.engine.module import TrainingModule, mix_seed
from seglet.engine.optimise import JointOptimiser, build_optimiser
from seglet.engine.settings import Settings


def test_the_rate_decays_polynomially_from_the_given_to_zero():
    settings = Settings(steps=100, learning_rate=0.02, power=0.9)
    assert scheduled_learning_rate(0, settings) == 0.02
    assert scheduled_learning_rate(50, settings) == pytest.approx(0.02 * 0.5**0.9)
    assert scheduled_learning_rate(100, settings) == 0.0


def test_warm_up_rises_linearly():
    settings = Settings(steps=100, learning_rate=1.0, power=0.0, warmup=4)
    assert [scheduled_learning_rate(step, settings) for step in range(5)] == [0.25, 0.5, 0.75, 1.0, 1.0]


def test_another_schedule_rises_from_a_millionth_and_falls_back_to_the_decay():
    settings = Settings(steps=100, learning_rate=2.0, power=1.0, warmup=10, schedule="poly-warmup")
    rates = [scheduled_learning_rate(step, settings) for step in (0, 10, 50)]
    assert rates == pytest.approx([2e-6, 1.8, 1.0])


def test_seeds_of_steps_ranks_and_micro_batches_never_meet():
    seeds = {
        mix_seed(seed, step, rank, micro)
        for seed in range(3)
        for step in range(50)
        for rank in range(4)
        for micro in range(4)
    }
    assert len(seeds) == 3 * 50 * 4 * 4
    assert all(0 <= seed < 2**63 for seed in seeds)


@pytest.mark.golden("semi", "protocol")
def test_the_decay_is_the_authors(case):
    settings = Settings(steps=int(case["total_iters"]), learning_rate=1.0)
    ours = [scheduled_learning_rate(int(step), settings) for step in case["iters"]]
    assert ours == pytest.approx(case["poly"].tolist(), rel=1e-12, abs=1e-15)


def weights(seed: int) -> list[torch.nn.Parameter]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.nn.Parameter(torch.randn(3, generator=generator)) for _ in range(2)]


def pair(parameters: list[torch.nn.Parameter]) -> list[torch.optim.Optimizer]:
    first, second = parameters
    return [torch.optim.SGD([first], lr=0.1, momentum=0.9), torch.optim.Adam([second], lr=0.2)]


def descend(optimisers: list[torch.optim.Optimizer], parameters: list[torch.nn.Parameter], steps: int) -> None:
    for _ in range(steps):
        for parameter in parameters:
            parameter.grad = parameter.detach() ** 2
        for each in optimisers:
            each.step()


def test_optimisers_together_do_what_they_do_apart():
    apart, joined = weights(0), weights(0)
    descend(pair(apart), apart, 4)
    descend([JointOptimiser(pair(joined))], joined, 4)
    assert all(torch.equal(a, b) for a, b in zip(apart, joined, strict=True))


def test_optimisers_together_go_on_from_their_state():
    whole, resumed = weights(0), weights(0)
    descend([JointOptimiser(pair(whole))], whole, 4)
    first = JointOptimiser(pair(resumed))
    descend([first], resumed, 2)
    second = JointOptimiser(pair(resumed))
    second.load_state_dict(first.state_dict())
    descend([second], resumed, 2)
    assert all(torch.equal(a, b) for a, b in zip(whole, resumed, strict=True))


def test_a_rate_set_on_a_group_of_them_reaches_its_optimiser():
    parameters = weights(0)
    joined = JointOptimiser(pair(parameters))
    joined.param_groups[0]["lr"] = 0.0
    before = parameters[0].detach().clone()
    descend([joined], parameters, 1)
    assert torch.equal(parameters[0], before)


def rates(**changes: Any) -> dict[tuple[float, float], set[str]]:
    """The names of the parameters of each rate and weight decay."""
    settings = Settings(learning_rate=0.5, weight_decay=0.25, **changes)
    method = build_method(tiny(), World(scenes=2, size=32))
    names = {id(p): name for name, p in method.named_parameters()}
    found: dict[tuple[float, float], set[str]] = {}
    for group in build_optimiser(method, settings).param_groups:
        found.setdefault((group["lr"], group["weight_decay"]), set()).update(names[id(p)] for p in group["params"])
    return found


def test_all_parameters_have_one_rate_by_default():
    assert list(rates()) == [(0.5, 0.25)]


def test_heads_and_biases_may_have_rates_of_their_own():
    found = rates(head_rate=10.0, bias_rate=2.0)
    assert set(found) == {(0.5, 0.25), (1.0, 0.0), (5.0, 0.25), (10.0, 0.0)}  # SSSS: 1, 2, 10 and 20 times
    assert all(".backbone." in name and not name.endswith("bias") for name in found[0.5, 0.25])
    assert all(".backbone." not in name and name.endswith("bias") for name in found[10.0, 0.0])
    assert sum(map(len, found.values())) == len(next(iter(rates().values())))


def test_rates_keep_their_ratio_while_they_decay():
    method = SimpleNamespace()
    module = SimpleNamespace(step=1, settings=Settings(steps=4, power=1.0, learning_rate=1.0), method=method)
    groups = [{"lr": 1.0}, {"lr": 9.0, "rate": 10.0}, {"lr": 3.0, "constant_rate": True}]
    module.trainer = SimpleNamespace(optimizers=[SimpleNamespace(param_groups=groups)])
    TrainingModule.on_train_batch_start(module, None, 0)
    assert [group["lr"] for group in groups] == [0.75, 7.5, 3.0]
