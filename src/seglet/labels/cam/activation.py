"""Class activation maps: the masks that a mere classifier of images has.

Axes: b images, n classes that a tag can name, k = n + 1 with the background first, h rows, w columns.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

EPSILON = 1e-5


def cam_masks(
    activations: Float[Tensor, "b n _ _"], size: tuple[int, int], background: float = 0.1
) -> Float[Tensor, "b k h w"]:
    """Activations at `size` (h, w), negative ones cut off, divided by the largest of their class in the image.

    The background's mask is a constant: what exceeds it is an object. A class without positive activation is 0.

    Args:
        activations: class logits of each place, before they are pooled.
        background: score of the background in [0, 1].

    Source: Zhou et al., CVPR 2016; SSSS, BaselineCAM.forward_mask; golden cam_bg_score.
    """
    maps = F.interpolate(activations, size, mode="bilinear", align_corners=True).relu()
    scaled = maps / (EPSILON + maps.amax((2, 3), keepdim=True))
    return torch.cat([torch.full_like(scaled[:, :1], background), scaled], dim=1)
