from collections.abc import Mapping

import numpy as np
import pytest
import torch
from tests.golden_near import assert_near

from seglet.models.diffusion.gaussian import GaussianNoise, JointSteps

Case = Mapping[str, np.ndarray]


def tensor(case: Case, name: str) -> torch.Tensor:
    return torch.from_numpy(case[name])


@pytest.mark.golden("semi", "gaussian")
def test_noise_is_added_and_taken_away_as_ddpm_does(case: Case) -> None:
    process, index = GaussianNoise(len(case["betas"])), tensor(case, "t")
    clean, noise = tensor(case, "x0"), tensor(case, "eps")
    assert_near(process.betas, case["betas"], 1e-12)
    assert_near(process.signal[:-1], case["alphas_cumprod"], 1e-12)
    noisy = process.add_noise(clean, noise, index)
    assert_near(noisy, case["xt"], 1e-12)
    assert_near(process.remove_noise(noisy, noise, index), case["x0_from_eps"])


@pytest.mark.golden("semi", "gaussian")
def test_one_index_back_is_ddpms_posterior(case: Case) -> None:
    process = GaussianNoise(len(case["betas"]))
    mean, variance = process.posterior(tensor(case, "x0"), tensor(case, "xt"), tensor(case, "t"))
    assert_near(mean, case["posterior_mean"], 1e-10)
    assert_near(variance.flatten(), case["posterior_variance"], 1e-10)


@pytest.mark.golden("semi", "gaussian")
def test_the_clock_strides_as_ddim_does(case: Case) -> None:
    steps, maps = len(case["ddim_steps"]), tensor(case, "ddim_start")
    schedule = JointSteps(steps, GaussianNoise(len(case["betas"])))
    assert schedule.gaussian_index(torch.arange(1, steps + 1)).tolist() == case["ddim_steps"].tolist()
    for place, step in enumerate(range(steps, 0, -1)):
        assert_near(maps, case["ddim_trace"][place])
        way = (schedule.gaussian_index(torch.full((len(maps),), s)) for s in (step, step - 1))
        maps = schedule.gaussian.ddim_step(maps, 0.7 * torch.tanh(maps), tuple(way))  # type: ignore[arg-type]
    assert_near(maps, case["ddim_trace"][steps])


def test_steps_of_a_clock_are_all_drawn_and_no_other() -> None:
    drawn = JointSteps(10).draw(500, torch.Generator().manual_seed(0))
    assert drawn.unique().tolist() == list(range(1, 11))
    assert JointSteps(15).gaussian_index(torch.tensor([0, 1, 15])).tolist() == [-1, 65, 999]


def test_a_clock_without_steps_is_refused() -> None:
    with pytest.raises(ValueError, match="expected 1 to 1000 steps, got 0"):
        JointSteps(0)
