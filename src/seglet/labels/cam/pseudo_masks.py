"""Targets from refined masks: confident pixels alone, with weights that balance the classes.

Axes: b images, k classes with the background first, f foreground classes, h rows, w columns.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from seglet.types import IGNORE, Target


def confident_masks(
    masks: Float[Tensor, "b k h w"], foreground: float = 0.6, background: float = 0.7, least: float = 0.2
) -> Bool[Tensor, "b k h w"]:
    """Returns True for pixels where one class, and no other, comes near its maximum in the image.

    Masks of absent classes must be 0; see `seglet.models.multiscale`.

    Args:
        masks: refined, in [0, 1].
        foreground: share of its maximum that a class has to exceed.
        background: the same for the background.
        least: lower limit of the value to exceed.

    Source: Araslanov and Roth, CVPR 2020, Sec. 4.2; SSSS, pseudo_gtmask, where 0.7 is hard-coded; golden pseudo_gt.
    """
    share = masks.new_tensor([background] + [foreground] * (masks.shape[1] - 1)).view(1, -1, 1, 1)
    confident = masks > (masks.amax((2, 3), keepdim=True) * share).clamp_min(least)
    return confident & (confident.sum(1, keepdim=True) == 1)


def balanced_target(confident: Bool[Tensor, "b k h w"], tags: Float[Tensor, "b f"]) -> Target:
    """Returns labels of the confident pixels, IGNORE elsewhere; pixels of rare classes weigh more.

    The weight of class c is (N - N_c) / (1 + N), with N confident pixels of which N_c are of that class. It is 0 in
    the whole image unless all tagged classes and the background have confident pixels.

    Raises:
        ValueError: the tags are not one per class without the background.

    Source: SSSS, balanced_mask_loss_ce; golden pseudo_gt.
    """
    if tags.shape[1] != confident.shape[1] - 1:
        raise ValueError(
            f"{confident.shape[1]} masks with the background need tags of one class less, not {tags.shape[1]}"
        )
    counts = confident.sum((2, 3)).to(tags.dtype)
    total = counts.sum(1, keepdim=True)
    complete = (counts > 0).sum(1) == tags.sum(1) + 1
    weights = (total - counts) / (1 + total) * complete[:, None]
    labels = confident.to(torch.uint8).argmax(1)
    weight = weights.gather(1, labels.flatten(1)).view_as(labels)
    annotated = confident.any(1)
    return Target(labels.masked_fill(~annotated, IGNORE), weight * annotated)
