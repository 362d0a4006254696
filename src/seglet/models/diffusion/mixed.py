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
from seglet.models.diffusion.confusion_flips import ConfusionFlips
from seglet.models.diffusion.gaussian import JointSteps
from seglet.models.diffusion.routing import NoiseRoute
from seglet.types import IGNORE


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


PathDraw = Literal["draw", "likeliest", "mean"]


@dataclass(frozen=True)
class ReversePath:
    """A way back from noise: from which step on labels are restored (None: the last), and how states are drawn.

    `draw`: noise is added and labels are drawn at random, as in training. `likeliest`: everything takes its most
    probable value, so labels begin as they are and nothing is random. `mean`: the mean of `count` random paths.
    """

    start: int | None = None
    draw: PathDraw = "draw"
    count: int = 8


StateDenoiser = Callable[[NoisyState, Tensor], DenoiserOutput]
"""Called with a state and each image's step, [b]."""


_WHOLE_PATH = ReversePath()


@dataclass(frozen=True)
class MixedDiffusion:
    """Mixed diffusion of one batch: how often labels flip, where which noise goes, and the schedule of steps.

    `predicts`: what the denoiser's softmax is taken for: the clean labels, from which the step back follows (D3PM), or
    as Eq. 8 reads literally the labels one step back.
    """

    flips: LabelFlips | ConfusionFlips
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
        labels = torch.where(self.route.flips, self.flips.flip(clean.labels, steps, generator), clean.labels)
        return self._at_step(labels, clean.features, noise, steps), noise

    def _at_step(
        self, labels: Tensor, features: Tensor, noise: Float[Tensor, "b c h w"], steps: Int[Tensor, " b"]
    ) -> NoisyState:
        """Returns the state of flipped labels with this noise added to features, and with labels hidden if they are."""
        added = self.schedule.gaussian.add_noise(features, noise, self.schedule.gaussian_index(steps))
        return NoisyState(self._hidden(labels), torch.where(self.route.gaussian[:, None], added, features))

    def _hidden(self, labels: Integer[Tensor, "b h w"]) -> Integer[Tensor, "b h w"]:
        return labels.masked_fill(self.route.gaussian, IGNORE) if self.route.hides else labels

    @torch.no_grad()
    def restore(
        self, denoise: StateDenoiser, clean: NoisyState, generator: torch.Generator, path: ReversePath = _WHOLE_PATH
    ) -> Float[Tensor, "b k h w"]:
        """Returns probabilities of corrected labels: noise is added up to a step and removed step by step.

        Labels are drawn anew everywhere on the way, also where they did not flip, for those are the ones in doubt; the
        last step draws nothing (its softmax is the answer). Features move only where they got noise, and never leave
        the range that their image's channel had: else those few would outgrow all others in the denoiser.

        Raises:
            ValueError: the path begins at no step of the schedule.
        """
        start = self.schedule.steps if path.start is None else path.start
        if not 1 <= start <= self.schedule.steps:
            raise ValueError(f"expected a start from 1 to the schedule's {self.schedule.steps} steps, got {start}")
        if path.draw == "likeliest":
            return self._restore_once(denoise, clean, start, None)
        paths = range(path.count if path.draw == "mean" else 1)
        return torch.stack([self._restore_once(denoise, clean, start, generator) for _ in paths]).mean(0)

    def _restore_once(
        self, denoise: StateDenoiser, clean: NoisyState, start: int, generator: torch.Generator | None
    ) -> Float[Tensor, "b k h w"]:
        """Restores labels along one path, the likeliest without a generator."""
        count = len(clean.labels)
        within = clean.features.amin((2, 3), keepdim=True), clean.features.amax((2, 3), keepdim=True)
        first = self._all(count, start, clean.labels)
        if generator is None:
            state = self._at_step(clean.labels, clean.features, torch.zeros_like(clean.features), first)
        else:
            state, _ = self.corrupt(clean, first, generator)
        for number in range(start, 1, -1):
            steps = self._all(count, number, state.labels)
            predicted = denoise(state, steps)
            state = self.reverse_step(state, self._believed(predicted), steps, generator, within)
        return self._believed(denoise(state, self._all(count, 1, state.labels))).logits

    def _believed(self, predicted: DenoiserOutput) -> DenoiserOutput:
        """Returns the output with probabilities in place of logits."""
        return replace(predicted, logits=predicted.logits.to(self.flips.rates.dtype).softmax(dim=1))

    def reverse_step(
        self,
        state: NoisyState,
        predicted: DenoiserOutput,
        steps: Int[Tensor, " b"],
        generator: torch.Generator | None,
        within: tuple[Tensor, Tensor] | None = None,
    ) -> NoisyState:
        """Moves a state one step back, with features `within` a range; `predicted.logits` holds probabilities here.

        Without a generator each label is the most probable one.
        """
        belief = predicted.logits
        if self.predicts == "clean":
            belief = self.flips.reverse(state.labels, belief, steps)
        noise = torch.zeros_like(belief) if generator is None else gumbel_like(belief, generator)
        labels = self._hidden(draw_labels(belief, noise).to(state.labels.dtype))
        way = self.schedule.gaussian_index(steps), self.schedule.gaussian_index(steps - 1)
        moved = self.schedule.gaussian.ddim_step(state.features, predicted.noise, way, within)
        return NoisyState(labels, torch.where(self.route.gaussian[:, None], moved, state.features))

    def _all(self, count: int, step: int, like: Tensor) -> Int[Tensor, " b"]:
        return torch.full((count,), step, device=like.device)
