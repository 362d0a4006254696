"""Categorical diffusion: labels flip to any other class at random, step by step, and are denoised (D3PM, uniform
kernel).

One step keeps a label with 1 - β and flips it to each of the k - 1 others with β / (k - 1). Such a kernel is a·I plus
a constant, a = 1 - βk / (k - 1), and so is every power of it and every product with another; all that follows takes k
operations a pixel, where products of matrices take k squared.
Axes: b images, k classes, h rows, w columns. Steps count from 1, step 0 is clean.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, Integer
from torch import Tensor

from seglet.types import IGNORE

_LEAST = 1e-20
"""Smallest divisor: with a rate of 0, which is not checked for, results are wrong but finite."""


@dataclass(frozen=True)
class LabelFlips:
    """Process in which each pixel flips with probability β in a step, in (0, (k - 1) / k], between a number of classes.

    `cumulative`: t steps flip t times. Otherwise as ViLaDiff's Eq. 5 reads literally: whatever the step, one flip.

    Raises:
        ValueError: there are fewer than two classes.

    Source: ViLaDiff Eq. 5, 6; Austin et al., NeurIPS 2021, App. A.2.1; golden d3pm.
    """

    rates: Float[Tensor, "b 1 h w"]
    classes: int
    cumulative: bool = True

    def __post_init__(self) -> None:
        if self.classes < 2:
            raise ValueError(f"labels flip between classes, so at least 2 are needed, got {self.classes}")

    @property
    def step_survival(self) -> Float[Tensor, "b 1 h w"]:
        """Share a of a label that survives one step beyond chance, in [0, 1)."""
        return 1 - self.rates * (self.classes / (self.classes - 1))

    def survival(self, steps: Int[Tensor, " b"]) -> Float[Tensor, "b 1 h w"]:
        """Returns the share that survives all steps up to this one: a to the t; 1 at step 0."""
        count = steps if self.cumulative else steps.clamp(max=1)
        return self.step_survival ** count.view(-1, 1, 1, 1)

    def forward(self, clean: Float[Tensor, "b k h w"], steps: Int[Tensor, " b"]) -> Float[Tensor, "b k h w"]:
        """Returns q(x_t | x_0), the probabilities of noisy labels given those of clean ones (Eq. 5)."""
        kept = self.survival(steps)
        return kept * clean + (1 - kept) / self.classes

    def flip(
        self, labels: Integer[Tensor, "b h w"], steps: Int[Tensor, " b"], generator: torch.Generator
    ) -> Integer[Tensor, "b h w"]:
        """Draws noisy labels from `forward` without its k planes; IGNORE stays. Two draws a pixel."""
        shape, device = labels.shape, labels.device
        chance = torch.rand(shape, generator=generator, device=device, dtype=self.rates.dtype)
        other = torch.randint(self.classes, shape, generator=generator, device=device, dtype=labels.dtype)
        flipped = torch.where(chance < self.survival(steps)[:, 0], labels, other)
        return torch.where(labels == IGNORE, labels, flipped)

    def posterior(
        self, noisy: Integer[Tensor, "b h w"], clean: Integer[Tensor, "b h w"], steps: Int[Tensor, " b"]
    ) -> Float[Tensor, "b k h w"]:
        """Returns q(x_{t-1} | x_t, x_0); at step 1 it is the clean label."""
        return self.reverse(noisy, one_hot_labels(clean, self.classes).to(self.rates.dtype), steps)

    def reverse(
        self, noisy: Integer[Tensor, "b h w"], clean: Float[Tensor, "b k h w"], steps: Int[Tensor, " b"]
    ) -> Float[Tensor, "b k h w"]:
        """Returns p(x_{t-1} | x_t) for clean labels of distribution `clean`: the mean of posteriors under it.

        Read literally (not `cumulative`) x_t has no information on x_{t-1} beyond x_0, so this is `forward` of `clean`;
        at step 1 both readings give `clean` itself.

        Source: D3PM Eq. 4 with exact sums; golden d3pm (reverse_soft).
        """
        if not self.cumulative:
            return self.forward(clean, steps - 1)
        before, now, k = self.survival(steps - 1), self.survival(steps), self.classes
        place = noisy.masked_fill(noisy == IGNORE, 0)[:, None].long()
        ours = clean.gather(1, place)
        # r_i = p_i / T̄_t[x_t, i]: all i but x_t itself share one divisor
        apart, same = ((1 - now) / k).clamp_min(_LEAST), now + (1 - now) / k
        ratio = ours / same
        whole = (clean.sum(1, keepdim=True) - ours) / apart + ratio
        # T[x_t, j] (a^{t-1} r_j + (1 - a^{t-1}) / k Σ r): likewise, and put right at x_t
        step = (1 - self.step_survival) / k
        rest = (1 - before) / k * whole
        result = torch.addcmul(step * rest, step * before / apart, clean)
        return result.scatter(1, place, (self.step_survival + step) * (before * ratio + rest))


def one_hot_labels(labels: Integer[Tensor, "b h w"], classes: int) -> Integer[Tensor, "b k h w"]:
    """Returns one-hot planes of labels; IGNORE counts as the first class, and callers mask it."""
    return F.one_hot(labels.masked_fill(labels == IGNORE, 0).long(), classes).permute(0, 3, 1, 2)


def draw_labels(probabilities: Float[Tensor, "b k h w"], gumbel: Float[Tensor, "b k h w"]) -> Integer[Tensor, "b h w"]:
    """Draws a class for each pixel with these probabilities, from standard Gumbel noise of one value each."""
    tiny = torch.finfo(probabilities.dtype).tiny
    labels: Tensor = (probabilities.clamp_min(tiny).log() + gumbel).argmax(dim=1)
    return labels


def gumbel_like(probabilities: Float[Tensor, "b k h w"], generator: torch.Generator) -> Float[Tensor, "b k h w"]:
    """Draws standard Gumbel noise from a generator on the same device."""
    return -torch.empty_like(probabilities).exponential_(generator=generator).log()
