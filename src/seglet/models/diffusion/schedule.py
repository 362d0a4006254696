"""Noise schedule of DiffKD, and its denoising steps.

Axes: b images, c channels, h rows, w columns.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True)
class NoiseSchedule:
    """Noise schedule whose variance grows linearly over `training_steps` timesteps, β from 1e-4 to 0.02.

    Source: Ho et al., NeurIPS 2020; DDIM with η = 0 (Song et al., ICLR 2021); as DiffKD sets them.
    """

    training_steps: int = 1000

    @cached_property
    def signal(self) -> tuple[float, ...]:
        """Share ᾱ_t of the variance that is not noise, falling from t = 0 on; computed in float32 as theirs."""
        growth = torch.linspace(1e-4, 0.02, self.training_steps, dtype=torch.float32, device="cpu")
        return tuple((1 - growth).cumprod(0).tolist())

    def timesteps(self, steps: int) -> tuple[int, ...]:
        """Returns the later half of 2 · `steps` equal strides down to 0: 400, 300, 200, 100, 0 for 5 of 1000.

        Raises:
            ValueError: there are no so many strides.
        """
        if not 1 <= 2 * steps <= self.training_steps:
            raise ValueError(f"expected 1 to {self.training_steps // 2} denoising steps, got {steps}")
        return tuple(step * self._stride(steps) for step in reversed(range(steps)))

    def _stride(self, steps: int) -> int:
        return self.training_steps // (2 * steps)

    def add_noise(
        self, clean: Float[Tensor, "b c h w"], noise: Float[Tensor, "b c h w"], timesteps: Int[Tensor, "b"]
    ) -> Float[Tensor, "b c h w"]:
        """Adds noise to a clean map, as much as each image's timestep means."""
        signal = torch.tensor(self.signal, dtype=clean.dtype, device=clean.device)[timesteps].view(-1, 1, 1, 1)
        return signal.sqrt() * clean + (1 - signal).sqrt() * noise

    def denoise(
        self, predict: Callable[[Tensor, Tensor], Tensor], noisy: Float[Tensor, "b c h w"], steps: int
    ) -> Float[Tensor, "b c h w"]:
        """Denoises a map, which counts as one at the first of `timesteps(steps)`.

        `predict` takes the map and its timestep, [1], and returns the noise in it.
        """
        maps = noisy
        for step in self.timesteps(steps):
            noise = predict(maps, torch.tensor([step], device=maps.device))
            now, after = self.signal[step], self.signal[step - self._stride(steps)] if step > 0 else 1.0
            clean = (maps - (1 - now) ** 0.5 * noise) / now**0.5
            maps = after**0.5 * clean + (1 - after) ** 0.5 * noise
        return maps
