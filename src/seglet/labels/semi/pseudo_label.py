"""Pseudo labels: the most probable class of each unlabelled pixel, with its confidence.

Axes: b images, k classes, h rows, w columns.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Integer
from torch import Tensor

from seglet.tensors import at_least_float32
from seglet.types import IGNORE, Target, TensorRecord


@dataclass(frozen=True)
class PseudoLabelMap(TensorRecord):
    """The most probable class of each pixel and its probability; pixels of padding are not `valid`."""

    labels: Integer[Tensor, "b h w"]
    confidence: Float[Tensor, "b h w"]
    valid: Bool[Tensor, "b h w"]

    def target(self, threshold: float) -> Target:
        """Returns the target of a loss: pixels below the threshold get weight 0, padding is IGNORE.

        `seglet.losses.cross_entropy` against it is FixMatch's loss: its mean divides by all valid pixels, not by the
        confident ones, so that few confident pixels give a small gradient.

        Source: UniMatch, code (pixelwise in SemiVL's); golden conf_ce.
        """
        labels = self.labels.masked_fill(~self.valid, IGNORE)
        return Target(labels, (self.confidence >= threshold).to(self.confidence.dtype))

    def share_above(self, threshold: float) -> Float[Tensor, ""]:
        """Returns the share of the valid pixels that reach the threshold, in [0, 1]; 0 if none is valid."""
        kept = (self.confidence >= threshold) & self.valid
        return kept.sum().to(self.confidence.dtype) / self.valid.sum().clamp(min=1)


@torch.no_grad()
def pseudo_label_map(logits: Float[Tensor, "b k h w"], valid: Bool[Tensor, "b h w"]) -> PseudoLabelMap:
    """Returns the pseudo labels of logits at the size of the images; in at least float32, without gradient."""
    probabilities = at_least_float32(logits.detach()).softmax(dim=1)
    confidence, labels = probabilities.max(dim=1)
    return PseudoLabelMap(labels, confidence, valid)
