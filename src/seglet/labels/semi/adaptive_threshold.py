"""Thresholds of pseudo labels that follow what a network predicts, one for each class (FreeMatch).

Axes: b images, k classes, h rows, w columns.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn


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
