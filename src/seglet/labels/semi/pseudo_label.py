"""Pseudo labels: the most probable class of each unlabelled pixel, with its confidence.

Axes: b images, k classes, h rows, w columns.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Integer
from torch import Tensor

from seglet.tensors import at_least_float32
from seglet.types import IGNORE, Target, TensorRecord

Threshold = float | Float[Tensor, " k"]
"""Least confidence of pseudo labels: one number, or one for each class."""


def threshold_of_classes(threshold: Threshold, classes: int) -> list[float]:
    """Returns the least confidence of each class."""
    return threshold.tolist() if isinstance(threshold, Tensor) else [threshold] * classes


@dataclass(frozen=True)
class PseudoLabelMap(TensorRecord):
    """The most probable class of each pixel and its probability; pixels of padding are not `valid`."""

    labels: Integer[Tensor, "b h w"]
    confidence: Float[Tensor, "b h w"]
    valid: Bool[Tensor, "b h w"]

    def target(self, threshold: Threshold) -> Target:
        """Returns the target of a loss: pixels below the threshold get weight 0, padding is IGNORE.

        `seglet.losses.cross_entropy` against it is FixMatch's loss: its mean divides by all valid pixels, not by the
        confident ones, so that few confident pixels give a small gradient.

        Source: UniMatch, code (pixelwise in SemiVL's); golden conf_ce.
        """
        labels = self.labels.masked_fill(~self.valid, IGNORE)
        return Target(labels, self._kept(threshold).to(self.confidence.dtype))

    def share_above(self, threshold: Threshold) -> Float[Tensor, ""]:
        """Returns the share of the valid pixels that reach the threshold, in [0, 1]; 0 if none is valid."""
        kept = self._kept(threshold) & self.valid
        return kept.sum().to(self.confidence.dtype) / self.valid.sum().clamp(min=1)

    def passed_by_class(self, threshold: Float[Tensor, " k"]) -> Float[Tensor, " k"]:
        """Returns the share of the valid pixels of each predicted class that reach its threshold; 0 without any."""
        kept, classes = self._kept(threshold), len(threshold)
        seen = torch.bincount(self.labels[self.valid], minlength=classes)
        passed = torch.bincount(self.labels[self.valid & kept], minlength=classes)
        return passed.to(self.confidence.dtype) / seen.clamp(min=1)

    def _kept(self, threshold: Threshold) -> Bool[Tensor, "b h w"]:
        return self.confidence >= (threshold[self.labels] if isinstance(threshold, Tensor) else threshold)


@torch.no_grad()
def pseudo_label_map(logits: Float[Tensor, "b k h w"], valid: Bool[Tensor, "b h w"]) -> PseudoLabelMap:
    """Returns the pseudo labels of logits at the size of the images; in at least float32, without gradient."""
    probabilities = at_least_float32(logits.detach()).softmax(dim=1)
    confidence, labels = probabilities.max(dim=1)
    return PseudoLabelMap(labels, confidence, valid)
