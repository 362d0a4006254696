from collections.abc import Mapping

import numpy as np
import pytest
import torch

from seglet.models.diffusion.gaussian import GaussianNoise, JointSteps

Case = Mapping[str, np.ndarray]


def tensor(case: Case, name: str) -> torch.Tensor:
    return torch.from_numpy(case[name])


@pytest.mark.golden("semi", "gaussian")
def test_noise_is_added_and_taken_away_as_ddpm_does(case: Case) -> None:
    process, index = GaussianNoise(), tensor(case, "t")
    clean, noise = tensor(case, "x0"), tensor(case, "eps")
    np.testing.assert_allclose(process.betas, case["betas"], rtol=1e-12)
    np.testing.assert_allclose(process.signal[:-1], case["alphas_cumprod"], rtol=1e-12)
    noisy = process.add_noise(clean, noise, index)
    np.testing.assert_allclose(noisy, case["xt"], rtol=1e-12)
    np.testing.assert_allclose(process.remove_noise(noisy, noise, index), case["x0_from_eps"], rtol=1e-9)


@pytest.mark.golden("semi", "gaussian")
def test_one_index_back_is_ddpms_posterior(case: Case) -> None:
    mean, variance = GaussianNoise().posterior(tensor(case, "x0"), tensor(case, "xt"), tensor(case, "t"))
    np.testing.assert_allclose(mean, case["posterior_mean"], rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(variance.flatten(), case["posterior_variance"], rtol=1e-10, atol=1e-15)


@pytest.mark.golden("semi", "gaussian")
def test_the_clock_strides_as_ddim_does(case: Case) -> None:
    schedule, maps = JointSteps(10), tensor(case, "ddim_start")
    assert schedule.gaussian_index(torch.arange(1, 11)).tolist() == case["ddim_steps"].tolist()
    for place, step in enumerate(range(10, 0, -1)):
        np.testing.assert_allclose(maps, case["ddim_trace"][place], rtol=1e-10)
        way = (schedule.gaussian_index(torch.full((len(maps),), s)) for s in (step, step - 1))
        maps = schedule.gaussian.ddim_step(maps, 0.7 * torch.tanh(maps), tuple(way))  # type: ignore[arg-type]
    np.testing.assert_allclose(maps, case["ddim_trace"][10], rtol=1e-9)


def test_steps_of_a_clock_are_all_drawn_and_no_other() -> None:
    drawn = JointSteps(10).draw(500, torch.Generator().manual_seed(0))
    assert drawn.unique().tolist() == list(range(1, 11))
    assert JointSteps(15).gaussian_index(torch.tensor([0, 1, 15])).tolist() == [-1, 65, 999]


def test_a_clock_without_steps_is_refused() -> None:
    with pytest.raises(ValueError, match="expected 1 to 1000 steps, got 0"):
        JointSteps(0)
