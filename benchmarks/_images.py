"""Made-up labels and predictions that look like real ones: blobs, mostly right, some void."""

import torch
import torch.nn.functional as F
from jaxtyping import UInt8
from torch import Tensor

from seglet.types import IGNORE


def blobs(seed: int, shape: tuple[int, int, int], num_classes: int) -> UInt8[Tensor, "b h w"]:
    """Labels in squares of 32 pixels."""
    b, h, w = shape
    coarse = torch.randint(num_classes, (b, 1, h // 32, w // 32), generator=torch.Generator().manual_seed(seed))
    return F.interpolate(coarse.float(), (h, w), mode="nearest")[:, 0].to(torch.uint8)


def answered(shape: tuple[int, int, int], num_classes: int) -> tuple[UInt8[Tensor, "b h w"], UInt8[Tensor, "b h w"]]:
    """Labels, of which one twentieth is void, and a prediction that is right at nine pixels in ten."""
    labels = blobs(0, shape, num_classes)
    right = torch.rand(shape, generator=torch.Generator().manual_seed(1)) < 0.9
    pred = torch.where(right, labels, blobs(2, shape, num_classes))
    labels[..., : shape[2] // 20] = IGNORE
    return labels, pred
