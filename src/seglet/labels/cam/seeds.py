"""Labels from class activation maps and the tags of an image.

Axes: b images, k classes without background, h rows, w columns. Tags are 1 where a class is in the image, else 0.
Label 0 is background, label i + 1 the class of map i.
"""

import torch
from jaxtyping import Float, Int64, Integer
from torch import Tensor

from seglet.types import IGNORE


@torch.no_grad()
def seed_labels(
    cams: Float[Tensor, "b k h w"], tags: Float[Tensor, "b k"], background: float = 0.5
) -> Int64[Tensor, "b h w"]:
    """The strongest class of the image's tags at each pixel; background where it does not exceed `background`.

    Maps lie in [0, 1]. An image without tags is background.

    Source: AFA, code, cam_to_label; golden cam_to_label.
    """
    return confident_labels(cams, tags, low=background, high=background)


@torch.no_grad()
def confident_labels(
    cams: Float[Tensor, "b k h w"], tags: Float[Tensor, "b k"], low: float = 0.25, high: float = 0.7
) -> Int64[Tensor, "b h w"]:
    """As `seed_labels` where the strongest map exceeds `high`; background up to `low`, IGNORE in between.

    Raises:
        ValueError: `low` is above `high`.

    Source: AFA, Ru et al., CVPR 2022, Eq. 6; defaults of WeCLIP and ExCEL on VOC; golden cam_to_label.
    """
    if low > high:
        raise ValueError(f"the lower threshold {low} is above the higher {high}; swap them")
    strength, strongest = (cams * tags[:, :, None, None]).max(dim=1)
    labels = (strongest + 1).masked_fill(strength <= high, IGNORE)
    return labels.masked_fill(strength <= low, 0)


def only_inside(labels: Integer[Tensor, "b h w"], boxes: Integer[Tensor, "b 4"]) -> Integer[Tensor, "b h w"]:
    """The labels inside each image's box, IGNORE outside, where a crop was padded.

    A box is its first row, the row after its last, its first column, the column after its last, in pixels.
    """
    rows, columns = (torch.arange(length, device=labels.device) for length in labels.shape[1:])
    top, bottom, left, right = boxes.T[:, :, None]
    row_in, column_in = (rows >= top) & (rows < bottom), (columns >= left) & (columns < right)
    return labels.masked_fill(~(row_in[:, :, None] & column_in[:, None, :]), IGNORE)
