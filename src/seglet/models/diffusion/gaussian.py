"""Gaussian diffusion of features, and a schedule of few steps shared with labels.

Axes: b images, c channels, h rows, w columns.
"""

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True)
class GaussianNoise:
    """DDPM's noise, whose variance grows linearly from β = 1e-4 to 0.02 over `timesteps`; an index counts from 0.

    Index -1 is clean. Computed in double precision, unlike `NoiseSchedule`, which follows DiffKD's code.

    Source: Ho et al., NeurIPS 2020; ViLaDiff Eq. 3; golden gaussian.
    """

    timesteps: int = 1000

    @cached_property
    def betas(self) -> Float[Tensor, " t"]:
        """Variance β added at each index."""
        return torch.linspace(1e-4, 2e-2, self.timesteps, dtype=torch.float64)

    @cached_property
    def signal(self) -> Float[Tensor, " t1"]:
        """Share ᾱ of the variance that is not noise, at each index; the last entry, 1, belongs to index -1."""
        return torch.cat(((1 - self.betas).cumprod(0), self.betas.new_ones(1)))

    def at_index(self, table: Tensor, index: Int[Tensor, " b"], like: Tensor) -> Float[Tensor, "b 1 1 1"]:
        """Returns entries of a table for each image, as factors of a map."""
        return table.to(like.device)[index].to(like.dtype).view(-1, 1, 1, 1)

    def add_noise(
        self, clean: Float[Tensor, "b c h w"], noise: Float[Tensor, "b c h w"], index: Int[Tensor, " b"]
    ) -> Float[Tensor, "b c h w"]:
        """Adds noise to a clean map, as much as its image's index means (Eq. 3)."""
        signal = self.at_index(self.signal, index, clean)
        return signal.sqrt() * clean + (1 - signal).sqrt() * noise

    def remove_noise(
        self, noisy: Float[Tensor, "b c h w"], noise: Float[Tensor, "b c h w"], index: Int[Tensor, " b"]
    ) -> Float[Tensor, "b c h w"]:
        """Returns the map without the given noise; the inverse of `add_noise`."""
        signal = self.at_index(self.signal, index, noisy)
        return (noisy - (1 - signal).sqrt() * noise) / signal.sqrt()

    def posterior(
        self, clean: Float[Tensor, "b c h w"], noisy: Float[Tensor, "b c h w"], index: Int[Tensor, " b"]
    ) -> tuple[Float[Tensor, "b c h w"], Float[Tensor, "b 1 1 1"]]:
        """Returns mean and variance of q(x_{t-1} | x_t, x_0), one index back."""
        now, before = (self.at_index(self.signal, i, clean) for i in (index, index - 1))
        growth = self.at_index(self.betas, index, clean)
        mean = before.sqrt() * growth * clean + (1 - growth).sqrt() * (1 - before) * noisy
        return mean / (1 - now), growth * (1 - before) / (1 - now)

    def ddim_step(
        self,
        noisy: Float[Tensor, "b c h w"],
        noise: Float[Tensor, "b c h w"],
        way: tuple[Tensor, Tensor],
        within: tuple[Tensor, Tensor] | None = None,
    ) -> Float[Tensor, "b c h w"]:
        """Moves a map from the first index of `way` to the second by DDIM with η = 0 (Song et al., ICLR 2021).

        Where hardly any signal is left, a small error in the noise is a hundredfold one in the clean map. `within`
        holds the least and the largest value that a clean map may have; what it is taken for is kept between them.
        """
        index, target = way
        clean = self.remove_noise(noisy, noise, index)
        if within is not None:
            clean = clean.clamp(*within)
            signal = self.at_index(self.signal, index, noisy)
            noise = (noisy - signal.sqrt() * clean) / (1 - signal).sqrt()
        return self.add_noise(clean, noise, target)


@dataclass(frozen=True)
class JointSteps:
    """Steps 1 to `steps` of labels and features; step t is index t · timesteps / steps - 1 of the noise.

    The paper has one number for both (Table 7: 10). Ten steps at the start of the Gaussian would hardly be noise, so
    these steps stride over all of it; our choice.
    """

    steps: int = 10
    gaussian: GaussianNoise = GaussianNoise()

    def __post_init__(self) -> None:
        if not 1 <= self.steps <= self.gaussian.timesteps:
            raise ValueError(f"expected 1 to {self.gaussian.timesteps} steps, got {self.steps}")

    def gaussian_index(self, steps: Int[Tensor, " b"]) -> Int[Tensor, " b"]:
        """Returns the index of the Gaussian noise at each step; -1 at step 0."""
        return steps * self.gaussian.timesteps // self.steps - 1

    def draw(self, count: int, generator: torch.Generator) -> Int[Tensor, " b"]:
        """Draws a step for each of `count` images, all equally likely, on the device of the generator."""
        return torch.randint(1, self.steps + 1, (count,), generator=generator, device=generator.device)
