"""A guard of refinement: labels are refined only while that mends them on images whose masks are known.

Axes: b images, k classes, h rows, w columns.
"""

import torch
from jaxtyping import Float, Integer
from torch import Tensor, nn

from seglet.types import IGNORE

_FADING = 0.9
"""Share of its counts that each step keeps, about ten steps'."""


class RefinementGuard(nn.Module):
    """Compares guesses and refined labels of the labelled images of the last steps by their mIoU.

    Refinement begins when refined labels are ahead by more than `margin` and ends when they fall behind guesses, so
    that it does not begin and end with every step. The network has seen these images' masks: the guard notices
    refinement that destroys labels, and is no proof that it mends those of other images.
    """

    counts: Float[Tensor, "2 3 k"]
    """Intersection, mask and prediction of each class in pixels, of guesses and of refined labels."""
    open: Tensor
    """True while labels are refined."""

    def __init__(self, classes: int, margin: float) -> None:
        super().__init__()
        self.margin = margin
        self.register_buffer("counts", torch.zeros(2, 3, classes))
        self.register_buffer("open", torch.zeros((), dtype=torch.bool))

    @torch.no_grad()
    def update(
        self, masks: Integer[Tensor, "b h w"], guess: Integer[Tensor, "b h w"], refined: Integer[Tensor, "b h w"]
    ) -> dict[str, Float[Tensor, ""]]:
        """Compares both with the masks and decides; pixels without a label do not count.

        Returns the terms to be logged: both mIoU, in [0, 1], and `refining`, 1 or 0.
        """
        self.counts.mul_(_FADING).add_(torch.stack([self._counted(masks, labels) for labels in (guess, refined)]))
        intersection, mask, predicted = self.counts.unbind(1)
        union, there = mask + predicted - intersection, mask > 0
        iou = torch.where(there, intersection / union.clamp(min=1), 0.0)
        before, after = iou.sum(1) / there.sum(1).clamp(min=1)
        self.open.copy_(torch.where(self.open, after >= before, after > before + self.margin))
        return {"guessed-miou": before, "refined-miou": after, "refining": self.open.float()}

    def _counted(self, masks: Tensor, labels: Tensor) -> Float[Tensor, "3 k"]:
        known, classes = masks != IGNORE, self.counts.shape[2]
        both = (masks[known & (masks == labels)], masks[known], labels[known])
        return torch.stack([torch.bincount(each.long(), minlength=classes) for each in both]).float()
