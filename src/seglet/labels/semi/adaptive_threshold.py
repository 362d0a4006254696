"""Thresholds of pseudo labels that follow what a network predicts: one for each class (FreeMatch) or for all
(CorrMatch).

Axes: b images, k classes, h rows, w columns.
"""

from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn


class MaximaThreshold(nn.Module):
    """One threshold that follows the highest confidence of each predicted class, averaged over classes.

    Source: Sun et al., CorrMatch, CVPR 2024, Sec. 3.3, and its code: it begins at 0.85, with a momentum of 0.999.
    """

    level: Float[Tensor, ""]
    """The threshold."""

    def __init__(self, classes: int, momentum: float = 0.999, start: float = 0.85) -> None:
        super().__init__()
        self.classes = classes
        self.momentum = momentum
        self.register_buffer("level", torch.tensor(start))

    @torch.no_grad()
    def update(self, probabilities: Float[Tensor, "b k h w"], valid: Bool[Tensor, "b h w"]) -> None:
        """Follows the predictions of a step; pixels of padding do not count, and without others nothing changes."""
        if not valid.any():
            return
        confidence, labels = probabilities.movedim(1, 3)[valid].max(dim=1)
        highest = confidence.new_zeros(self.classes).scatter_reduce(0, labels, confidence, "amax")
        self.level.lerp_(highest[highest > 0].mean().to(self.level.dtype), 1 - self.momentum)

    def thresholds(self) -> Float[Tensor, " k"]:
        """Returns the threshold for each class, the same for all."""
        return self.level.expand(self.classes)


class AdaptiveThreshold(nn.Module):
    """Thresholds that begin at 1 / k and rise with the mean confidence; those of rarely predicted classes stay lower.

    A fixed high threshold lets pass what is learned first, in segmentation mostly background. The state is part of a
    checkpoint.

    Source: Wang et al., FreeMatch, ICLR 2023, Eq. 5-8, over pixels instead of images; its code has a momentum of 0.999.
    """

    overall: Float[Tensor, ""]
    """Mean confidence of the last steps, the threshold τ of the most frequent class."""
    expected: Float[Tensor, " k"]
    """Mean probability of each class in the last steps."""

    def __init__(self, classes: int, momentum: float = 0.999) -> None:
        super().__init__()
        self.momentum = momentum
        self.register_buffer("overall", torch.tensor(1 / classes))
        self.register_buffer("expected", torch.full((classes,), 1 / classes))

    @torch.no_grad()
    def update(self, probabilities: Float[Tensor, "b k h w"], valid: Bool[Tensor, "b h w"]) -> None:
        """Follows the predictions of a step; pixels of padding do not count, and without others nothing changes."""
        if not valid.any():
            return
        seen = probabilities.movedim(1, 3)[valid]
        self.overall.lerp_(seen.amax(dim=1).mean(), 1 - self.momentum)  # Eq. 5
        self.expected.lerp_(seen.mean(dim=0), 1 - self.momentum)  # Eq. 6

    def thresholds(self) -> Float[Tensor, " k"]:
        """Returns the least confidence of a pseudo label of each class (Eq. 7)."""
        return self.expected / self.expected.max() * self.overall


ThresholdRule = Literal["none", "classes", "maxima"]
"""Ways in which thresholds follow the predictions; the first has none."""


def following_threshold(
    rule: ThresholdRule, classes: int, momentum: float
) -> AdaptiveThreshold | MaximaThreshold | None:
    """Returns what follows the predictions by a rule; None where the threshold is fixed."""
    if rule == "none":
        return None
    return AdaptiveThreshold(classes, momentum) if rule == "classes" else MaximaThreshold(classes, momentum)
