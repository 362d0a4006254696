import pytest
import torch
from torch import Tensor

from seglet.models.diffusion.schedule import NoiseSchedule


def test_signal_falls_from_almost_all_to_almost_none() -> None:
    signal = NoiseSchedule().signal
    assert signal[0] == pytest.approx(0.9999)
    assert signal[1] == pytest.approx(0.9999 * (1 - 1e-4 - 0.0199 / 999))
    assert signal[-1] < 1e-4


def test_timesteps_are_the_later_half_of_twice_as_many() -> None:
    assert NoiseSchedule().timesteps(5) == (400, 300, 200, 100, 0)
    assert NoiseSchedule(10).timesteps(1) == (0,)


def test_noise_is_added_with_the_timesteps_variance() -> None:
    schedule, clean, noise = NoiseSchedule(), torch.ones(2, 1, 1, 1), torch.full((2, 1, 1, 1), 2.0)
    first, last = schedule.add_noise(clean, noise, torch.tensor([0, 999])).flatten().tolist()
    assert first == pytest.approx(0.9999**0.5 + 2 * 1e-4**0.5, rel=1e-5)
    assert last == pytest.approx(schedule.signal[999] ** 0.5 + 2 * (1 - schedule.signal[999]) ** 0.5, rel=1e-5)


def test_a_perfect_denoiser_returns_the_clean_map() -> None:
    schedule, clean = NoiseSchedule(), torch.randn(2, 3, 4, 4, dtype=torch.float64)
    noise = torch.randn_like(clean)
    noisy = schedule.add_noise(clean, noise, torch.tensor([400, 400]))
    torch.testing.assert_close(schedule.denoise(lambda maps, step: noise, noisy, steps=5), clean)


def test_the_denoiser_gets_each_timestep() -> None:
    timesteps: list[int] = []

    def predict(maps: Tensor, step: Tensor) -> Tensor:
        timesteps.append(int(step))
        return maps

    NoiseSchedule().denoise(predict, torch.zeros(1, 1, 1, 1), steps=2)
    assert timesteps == [250, 0]
