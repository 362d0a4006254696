"""Alignment of pseudo labels with the frequencies of classes among the labelled pixels.

Axes: b images, k classes, h rows, w columns, n labelled images of y rows and x columns.
"""

import torch
from jaxtyping import Bool, Float, Integer
from torch import Tensor, nn

from seglet.tensors import at_least_float32

_MOST = 4.0
"""Largest factor on the probability of a class, and the inverse of the smallest; ours."""


class DistributionAlignment(nn.Module):
    """Factors on predicted probabilities that bring their mean towards the shares of the labelled classes.

    A class that is predicted less often than it is labelled is predicted more, so that none takes the place of others.

    Source: Berthelot et al., ReMixMatch, ICLR 2020, Sec. 3.1, over pixels.
    """

    predicted: Float[Tensor, " k"]
    """Mean probability of each class in the last steps."""
    labelled: Float[Tensor, " k"]
    """Share of each class among the labelled pixels of the last steps."""

    def __init__(self, classes: int, momentum: float = 0.99) -> None:
        super().__init__()
        self.momentum = momentum
        for name in ("predicted", "labelled"):
            self.register_buffer(name, torch.full((classes,), 1 / classes))

    @torch.no_grad()
    def update(
        self, logits: Float[Tensor, "b k h w"], valid: Bool[Tensor, "b h w"], labels: Integer[Tensor, "n y x"]
    ) -> None:
        """Follows the predictions and the labels of a step; padding and void pixels do not count."""
        classes = len(self.predicted)
        if valid.any():
            seen = at_least_float32(logits).softmax(dim=1).movedim(1, 3)[valid].mean(dim=0)
            self.predicted.lerp_(seen, 1 - self.momentum)
        if (known := labels[labels < classes]).numel():
            counts = torch.bincount(known.flatten(), minlength=classes)
            self.labelled.lerp_((counts / counts.sum()).to(self.labelled), 1 - self.momentum)

    def align(self, logits: Float[Tensor, "b k h w"]) -> Float[Tensor, "b k h w"]:
        """Returns logits whose probabilities are multiplied by labelled / predicted, between a quarter and four."""
        factors = (self.labelled / self.predicted).clamp(1 / _MOST, _MOST)
        return logits + factors.log().to(logits)[:, None, None]
