import numpy as np
import pytest
import torch
from tests.golden_near import assert_near

from seglet.engine.learning_rate import poly_warmup

Case = dict[str, np.ndarray]


def factors(case: Case) -> list[float]:
    warmup, ratio, power = int(case["warmup_iter"]), float(case["warmup_ratio"]), float(case["power"])
    return [poly_warmup(step, int(case["max_iter"]), warmup, ratio, power) for step in range(len(case["lrs"]))]


@pytest.mark.golden("weak", "poly_warmup_adamw")
def test_rates_are_the_authors(case: Case) -> None:
    assert_near(float(case["group_lr"]) * np.array(factors(case)), case["lrs"])


@pytest.mark.golden("weak", "poly_warmup_adamw")
def test_adamw_with_these_rates_takes_the_authors_steps(case: Case) -> None:  # computed in float32
    parameter = torch.nn.Parameter(torch.from_numpy(case["p0"]))
    optimiser = torch.optim.AdamW([parameter], betas=(0.9, 0.999), weight_decay=0.01)
    for factor, gradient, after in zip(factors(case), case["grads"], case["params"], strict=True):
        optimiser.param_groups[0]["lr"] = float(case["group_lr"]) * factor
        parameter.grad = torch.from_numpy(gradient)
        optimiser.step()
        assert_near(parameter, after, 1e-6)


def test_it_begins_at_the_ratio_and_falls_back_to_the_decay() -> None:
    assert poly_warmup(0, 100, 10, ratio=0.1) == pytest.approx(0.1)
    assert poly_warmup(5, 100, 10, ratio=0.1) == pytest.approx(0.55)
    assert poly_warmup(10, 100, 10, ratio=0.1) == pytest.approx(0.9)


def test_without_warm_up_it_decays_from_one_and_stays_after_the_last_step() -> None:
    assert poly_warmup(0, 4, 0) == 1
    assert poly_warmup(3, 4, 0, power=2) == poly_warmup(9, 4, 0, power=2) == 1 / 16


def test_no_step_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one step and no negative warm-up, got 0 and 50"):
        poly_warmup(0, 0)
