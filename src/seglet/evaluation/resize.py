"""Sizes of images and logits."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def at_size(maps: Float[Tensor, "b c h w"], size: tuple[int, int]) -> Float[Tensor, "b c h2 w2"]:
    """The maps resampled bilinearly with aligned corners; untouched if they have the size already."""
    if tuple(maps.shape[-2:]) == size:
        return maps
    return F.interpolate(maps.float(), size, mode="bilinear", align_corners=True)


def nearest_multiple(length: int, multiple: int) -> int:
    """The multiple nearest to a length, upwards from the middle, and at least one."""
    return max(int(length / multiple + 0.5), 1) * multiple
