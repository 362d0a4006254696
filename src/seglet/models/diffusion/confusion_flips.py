"""Label flips along a confusion matrix: a flipped label becomes what its class is mistaken for.

One step keeps a label with 1 - β and else draws its successor from a column of a matrix Q, so t steps are the sum over
s of the binomial probability of s flips times Q to the s; Q is shared by all pixels, β is each pixel's own.
Axes: b images, k classes, s numbers of flips, h rows, w columns. Steps count from 1, step 0 is clean.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int, Integer
from torch import Tensor

from seglet.models.diffusion.categorical import draw_labels, gumbel_like, one_hot_labels
from seglet.types import IGNORE

_LEAST = 1e-20
"""Smallest divisor: transitions that cannot happen give wrong but finite results."""


@dataclass(frozen=True)
class ConfusionFlips:
    """Process in which each pixel flips with probability β in a step, to a class drawn from the column of its own.

    `mistakes[j, i]` is the probability that a flip of class i ends at j: columns sum to 1, the diagonal is 0. With
    1 / (k - 1) everywhere else this is `LabelFlips`; `cumulative` is as there.

    Source: Austin et al., NeurIPS 2021, Sec. 3.1 and App. A.2 (transitions other than uniform); ours for ViLaDiff.
    """

    rates: Float[Tensor, "b 1 h w"]
    mistakes: Float[Tensor, "k k"]
    cumulative: bool = True

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.mistakes)

    def forward(self, clean: Float[Tensor, "b k h w"], steps: Int[Tensor, " b"]) -> Float[Tensor, "b k h w"]:
        """Returns q(x_t | x_0), the probabilities of noisy labels given those of clean ones."""
        noisy, flipped = torch.zeros_like(clean), clean
        for share in self._flip_counts(steps).unbind(1):
            noisy = noisy + share[:, None] * flipped
            flipped = torch.einsum("ji,bihw->bjhw", self.mistakes.to(clean), flipped)
        return noisy

    def flip(
        self, labels: Integer[Tensor, "b h w"], steps: Int[Tensor, " b"], generator: torch.Generator
    ) -> Integer[Tensor, "b h w"]:
        """Draws noisy labels from `forward`; IGNORE stays."""
        chances = self.forward(one_hot_labels(labels, self.classes).to(self.rates.dtype), steps)
        drawn = draw_labels(chances, gumbel_like(chances, generator)).to(labels.dtype)
        return torch.where(labels == IGNORE, labels, drawn)

    def reverse(
        self, noisy: Integer[Tensor, "b h w"], clean: Float[Tensor, "b k h w"], steps: Int[Tensor, " b"]
    ) -> Float[Tensor, "b k h w"]:
        """Returns p(x_{t-1} | x_t) for clean labels of distribution `clean`, as `LabelFlips.reverse` does."""
        if not self.cumulative:
            return self.forward(clean, steps - 1)
        seen = noisy.masked_fill(noisy == IGNORE, 0).long()
        reached, power = torch.zeros_like(clean), torch.eye(self.classes).to(clean)
        for share in self._flip_counts(steps).unbind(1):
            reached = reached + share[:, None] * power[seen].permute(0, 3, 1, 2)  # T̄_t[x_t, i]
            power = self.mistakes.to(clean) @ power
        before = self.forward(clean / reached.clamp_min(_LEAST), steps - 1)
        flipped = self.rates * self.mistakes.to(clean)[seen].permute(0, 3, 1, 2)
        return (flipped + (1 - self.rates) * one_hot_labels(seen, self.classes)) * before

    def _flip_counts(self, steps: Int[Tensor, " b"]) -> Float[Tensor, "b s h w"]:
        """Returns the probability of 0, 1, … flips in the steps up to this one."""
        count = (steps if self.cumulative else steps.clamp(max=1)).view(-1, 1, 1, 1).to(self.rates)
        flips = torch.arange(int(count.max()) + 1).to(self.rates).view(1, -1, 1, 1)
        ways = torch.lgamma(count + 1) - torch.lgamma(flips + 1) - torch.lgamma((count - flips).clamp_min(0) + 1)
        chance = ways.exp() * self.rates**flips * (1 - self.rates) ** (count - flips).clamp_min(0)
        return torch.where(flips <= count, chance, 0.0)


def mistakes_from_counts(counts: Float[Tensor, "k k"], smoothing: float = 1.0) -> Float[Tensor, "k k"]:
    """Returns `mistakes` from pixel counts [truth, prediction]: each class's errors as shares, right pixels left out.

    `smoothing` pixels are added to each error, so that no flip is impossible and a class without errors flips to all
    others alike.
    """
    wrong = (counts + smoothing).fill_diagonal_(0.0)
    return (wrong / wrong.sum(1, keepdim=True)).T
