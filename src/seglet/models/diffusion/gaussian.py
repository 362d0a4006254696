"""Gaussian noise in features: added, taken away, and on a clock of few steps.

Axes: b images, c channels, h rows, w columns.
"""

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True)
class Gaussian:
    """DDPM's noise, variance growing linearly from β = 1e-4 to 0.02 over `timesteps`; an index counts from 0.

    Index -1 is clean. Computed in double precision, unlike `Schedule`, which follows DiffKD's code.

    Source: Ho et al., NeurIPS 2020; ViLaDiff Eq. 3; golden gaussian.
    """

    timesteps: int = 1000

    @cached_property
    def growth(self) -> Float[Tensor, " t"]:
        """β of each index."""
        return torch.linspace(1e-4, 2e-2, self.timesteps, dtype=torch.float64)

    @cached_property
    def signal(self) -> Float[Tensor, " t1"]:
        """ᾱ of each index, the share of the variance that is not noise, and at the end that of index -1: 1."""
        return torch.cat(((1 - self.growth).cumprod(0), self.growth.new_ones(1)))

    def of(self, table: Tensor, index: Int[Tensor, " b"], like: Tensor) -> Float[Tensor, "b 1 1 1"]:
        """Entries of a table for each image, as factors of a map."""
        return table.to(like.device)[index].to(like.dtype).view(-1, 1, 1, 1)

    def add(
        self, clean: Float[Tensor, "b c h w"], noise: Float[Tensor, "b c h w"], index: Int[Tensor, " b"]
    ) -> Float[Tensor, "b c h w"]:
        """What a clean map has become at its image's index (Eq. 3)."""
        signal = self.of(self.signal, index, clean)
        return signal.sqrt() * clean + (1 - signal).sqrt() * noise

    def clean(
        self, noisy: Float[Tensor, "b c h w"], noise: Float[Tensor, "b c h w"], index: Int[Tensor, " b"]
    ) -> Float[Tensor, "b c h w"]:
        """The map without the noise that is said to be in it; the inverse of `add`."""
        signal = self.of(self.signal, index, noisy)
        return (noisy - (1 - signal).sqrt() * noise) / signal.sqrt()

    def posterior(
        self, clean: Float[Tensor, "b c h w"], noisy: Float[Tensor, "b c h w"], index: Int[Tensor, " b"]
    ) -> tuple[Float[Tensor, "b c h w"], Float[Tensor, "b 1 1 1"]]:
        """Mean and variance of q(x_{t-1} | x_t, x_0), one index back."""
        now, before = (self.of(self.signal, i, clean) for i in (index, index - 1))
        growth = self.of(self.growth, index, clean)
        mean = before.sqrt() * growth * clean + (1 - growth).sqrt() * (1 - before) * noisy
        return mean / (1 - now), growth * (1 - before) / (1 - now)

    def towards(
        self,
        noisy: Float[Tensor, "b c h w"],
        noise: Float[Tensor, "b c h w"],
        way: tuple[Tensor, Tensor],
        within: tuple[Tensor, Tensor] | None = None,
    ) -> Float[Tensor, "b c h w"]:
        """From the first index of `way` to the second, drawing nothing (DDIM with η = 0, Song et al., ICLR 2021).

        Where hardly any signal is left, a small error in the noise is a hundredfold one in the clean map. `within`
        holds the least and the largest value that a clean map may have; what it is taken for is kept between them.
        """
        index, target = way
        clean = self.clean(noisy, noise, index)
        if within is not None:
            clean = clean.clamp(*within)
            signal = self.of(self.signal, index, noisy)
            noise = (noisy - signal.sqrt() * clean) / (1 - signal).sqrt()
        return self.add(clean, noise, target)


@dataclass(frozen=True)
class Clock:
    """Steps 1 to `steps` that labels and features share; step t is index t · timesteps / steps - 1 of the Gaussian.

    The paper says one number for both (Table 7: 10). Ten steps at the start of the Gaussian would hardly be noise, so
    the clock strides over all of it; ours.
    """

    steps: int = 10
    gaussian: Gaussian = Gaussian()

    def __post_init__(self) -> None:
        if not 1 <= self.steps <= self.gaussian.timesteps:
            raise ValueError(f"expected 1 to {self.gaussian.timesteps} steps, got {self.steps}")

    def index(self, steps: Int[Tensor, " b"]) -> Int[Tensor, " b"]:
        """Of the Gaussian; -1 at step 0."""
        return steps * self.gaussian.timesteps // self.steps - 1

    def draw(self, count: int, generator: torch.Generator) -> Int[Tensor, " b"]:
        """A step for each of `count` images, all equally likely, on the device of the generator."""
        return torch.randint(1, self.steps + 1, (count,), generator=generator, device=generator.device)
