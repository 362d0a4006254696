"""What a teacher takes unlabelled pixels for, and how far that is believed.

Axes: b images, k classes, h rows, w columns.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Integer
from torch import Tensor

from seglet.tensors import at_least_float32
from seglet.types import IGNORE, Movable, Target


@dataclass(frozen=True)
class Guess(Movable):
    """The most probable class of each pixel, its probability, and where there is an image at all."""

    labels: Integer[Tensor, "b h w"]
    confidence: Float[Tensor, "b h w"]
    valid: Bool[Tensor, "b h w"]

    def target(self, threshold: float) -> Target:
        """Pixels of at least this confidence pull, others count but pull on nothing, padding does not count.

        `losses.pixel.cross_entropy` against it is FixMatch's loss: its mean divides by all valid pixels, not by the
        confident ones, so that few confident pixels also pull little.

        Source: UniMatch, code (pixelwise in SemiVL's); golden conf_ce.
        """
        labels = self.labels.masked_fill(~self.valid, IGNORE)
        return Target(labels, (self.confidence >= threshold).to(self.confidence.dtype))

    def share_above(self, threshold: float) -> Float[Tensor, ""]:
        """Which part of the valid pixels the threshold lets through, in [0, 1]; 0 if none is valid."""
        kept = (self.confidence >= threshold) & self.valid
        return kept.sum().to(self.confidence.dtype) / self.valid.sum().clamp(min=1)


@torch.no_grad()
def guess(logits: Float[Tensor, "b k h w"], valid: Bool[Tensor, "b h w"]) -> Guess:
    """The guess that logits at the images' size stand for; in at least float32, without gradient."""
    probabilities = at_least_float32(logits.detach()).softmax(dim=1)
    confidence, labels = probabilities.max(dim=1)
    return Guess(labels, confidence, valid)
