"""MixE: labels and features that are noisy together, and a denoiser that mends the labels (ViLaDiff Sec. 3.4).

Axes: b images, k classes, c channels, h rows, w columns.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from jaxtyping import Float, Int, Integer
from torch import Tensor

from seglet.models.diffusion.categorical import Flips, draw, gumbel_like
from seglet.models.diffusion.gaussian import Clock
from seglet.models.diffusion.routing import Route


@dataclass(frozen=True)
class State:
    """Labels of a map and the features they were seen in, both clean or both at some step."""

    labels: Integer[Tensor, "b h w"]
    features: Float[Tensor, "b c h w"]


@dataclass(frozen=True)
class Denoised:
    """What a denoiser makes of a state at a step: class logits, and the noise in the features."""

    logits: Float[Tensor, "b k h w"]
    noise: Float[Tensor, "b c h w"]


Denoiser = Callable[[State, Tensor], Denoised]
"""Called with a state and each image's step, [b]."""


@dataclass(frozen=True)
class MixedDiffusion:
    """The noise of one batch: who flips how often, where, on which clock.

    `predicts`: what the denoiser's softmax is taken for: the clean labels, from which the step back follows (D3PM), or
    as Eq. 8 reads literally the labels one step back.
    """

    flips: Flips
    route: Route
    clock: Clock = field(default_factory=Clock)
    predicts: Literal["clean", "previous"] = "clean"

    def corrupt(
        self, clean: State, steps: Int[Tensor, " b"], generator: torch.Generator
    ) -> tuple[State, Float[Tensor, "b c h w"]]:
        """The state at each image's step, and the noise that a denoiser is to find in it: 0 where none was added.

        Labels flip and features get noise only where the route says so (Eq. 7).
        """
        noise = torch.empty_like(clean.features).normal_(generator=generator)
        noise = noise * self.route.gaussian[:, None]
        added = self.clock.gaussian.add(clean.features, noise, self.clock.index(steps))
        labels = torch.where(self.route.flips, self.flips.flip(clean.labels, steps, generator), clean.labels)
        return State(labels, torch.where(self.route.gaussian[:, None], added, clean.features)), noise

    @torch.no_grad()
    def restore(self, denoise: Denoiser, clean: State, generator: torch.Generator) -> Float[Tensor, "b k h w"]:
        """Probabilities of mended labels: noise is added up to the last step, and taken away step by step.

        Labels are drawn anew everywhere on the way, also where they did not flip, for those are the ones in doubt; the
        last step draws nothing (its softmax is the answer). Features move only where they got noise, and never leave
        the range that their image's channel had: else those few would outgrow all others in the denoiser.
        """
        count = len(clean.labels)
        within = clean.features.amin((2, 3), keepdim=True), clean.features.amax((2, 3), keepdim=True)
        state, _ = self.corrupt(clean, self._all(count, self.clock.steps, clean.labels), generator)
        for number in range(self.clock.steps, 0, -1):
            steps = self._all(count, number, state.labels)
            seen = denoise(state, steps)
            belief = seen.logits.to(self.flips.rates.dtype).softmax(dim=1)
            if number == 1:
                return belief
            state = self.back(state, replace(seen, logits=belief), steps, generator, within)
        raise ValueError("a clock has at least one step")

    def back(
        self,
        state: State,
        seen: Denoised,
        steps: Int[Tensor, " b"],
        generator: torch.Generator,
        within: tuple[Tensor, Tensor] | None = None,
    ) -> State:
        """One step towards the clean state, features `within`; `seen.logits` holds probabilities here."""
        belief = seen.logits
        if self.predicts == "clean":
            belief = self.flips.reverse(state.labels, belief, steps)
        labels = draw(belief, gumbel_like(belief, generator)).to(state.labels.dtype)
        way = self.clock.index(steps), self.clock.index(steps - 1)
        moved = self.clock.gaussian.towards(state.features, seen.noise, way, within)
        return State(labels, torch.where(self.route.gaussian[:, None], moved, state.features))

    def _all(self, count: int, step: int, like: Tensor) -> Int[Tensor, " b"]:
        return torch.full((count,), step, device=like.device)
