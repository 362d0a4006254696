"""MixE: labels and features get noise together, and a denoiser corrects the labels (ViLaDiff Sec. 3.4).

Axes: b images, k classes, c channels, h rows, w columns.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from jaxtyping import Float, Int, Integer
from torch import Tensor

from seglet.models.diffusion.categorical import LabelFlips, draw_labels, gumbel_like
from seglet.models.diffusion.gaussian import JointSteps
from seglet.models.diffusion.routing import NoiseRoute


@dataclass(frozen=True)
class NoisyState:
    """Labels and the features of the same map, both clean or both at some step."""

    labels: Integer[Tensor, "b h w"]
    features: Float[Tensor, "b c h w"]


@dataclass(frozen=True)
class DenoiserOutput:
    """Output of a denoiser for a state at a step: class logits, and the noise in the features."""

    logits: Float[Tensor, "b k h w"]
    noise: Float[Tensor, "b c h w"]


StateDenoiser = Callable[[NoisyState, Tensor], DenoiserOutput]
"""Called with a state and each image's step, [b]."""


@dataclass(frozen=True)
class MixedDiffusion:
    """Mixed diffusion of one batch: how often labels flip, where which noise goes, and the schedule of steps.

    `predicts`: what the denoiser's softmax is taken for: the clean labels, from which the step back follows (D3PM), or
    as Eq. 8 reads literally the labels one step back.
    """

    flips: LabelFlips
    route: NoiseRoute
    schedule: JointSteps = field(default_factory=JointSteps)
    predicts: Literal["clean", "previous"] = "clean"

    def corrupt(
        self, clean: NoisyState, steps: Int[Tensor, " b"], generator: torch.Generator
    ) -> tuple[NoisyState, Float[Tensor, "b c h w"]]:
        """Returns the state at each image's step, and the noise that a denoiser should predict: 0 where none was added.

        Labels flip and features get noise only where the route has them (Eq. 7).
        """
        noise = torch.empty_like(clean.features).normal_(generator=generator)
        noise = noise * self.route.gaussian[:, None]
        added = self.schedule.gaussian.add_noise(clean.features, noise, self.schedule.gaussian_index(steps))
        labels = torch.where(self.route.flips, self.flips.flip(clean.labels, steps, generator), clean.labels)
        return NoisyState(labels, torch.where(self.route.gaussian[:, None], added, clean.features)), noise

    @torch.no_grad()
    def restore(
        self, denoise: StateDenoiser, clean: NoisyState, generator: torch.Generator
    ) -> Float[Tensor, "b k h w"]:
        """Returns probabilities of corrected labels: noise is added up to the last step and removed step by step.

        Labels are drawn anew everywhere on the way, also where they did not flip, for those are the ones in doubt; the
        last step draws nothing (its softmax is the answer). Features move only where they got noise, and never leave
        the range that their image's channel had: else those few would outgrow all others in the denoiser.
        """
        count = len(clean.labels)
        within = clean.features.amin((2, 3), keepdim=True), clean.features.amax((2, 3), keepdim=True)
        state, _ = self.corrupt(clean, self._all(count, self.schedule.steps, clean.labels), generator)
        for number in range(self.schedule.steps, 0, -1):
            steps = self._all(count, number, state.labels)
            predicted = denoise(state, steps)
            belief = predicted.logits.to(self.flips.rates.dtype).softmax(dim=1)
            if number == 1:
                return belief
            state = self.reverse_step(state, replace(predicted, logits=belief), steps, generator, within)
        raise ValueError("a schedule has at least one step")

    def reverse_step(
        self,
        state: NoisyState,
        predicted: DenoiserOutput,
        steps: Int[Tensor, " b"],
        generator: torch.Generator,
        within: tuple[Tensor, Tensor] | None = None,
    ) -> NoisyState:
        """Moves a state one step back, with features `within` a range; `predicted.logits` holds probabilities here."""
        belief = predicted.logits
        if self.predicts == "clean":
            belief = self.flips.reverse(state.labels, belief, steps)
        labels = draw_labels(belief, gumbel_like(belief, generator)).to(state.labels.dtype)
        way = self.schedule.gaussian_index(steps), self.schedule.gaussian_index(steps - 1)
        moved = self.schedule.gaussian.ddim_step(state.features, predicted.noise, way, within)
        return NoisyState(labels, torch.where(self.route.gaussian[:, None], moved, state.features))

    def _all(self, count: int, step: int, like: Tensor) -> Int[Tensor, " b"]:
        return torch.full((count,), step, device=like.device)
