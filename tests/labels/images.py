"""Small images and masks for the refiners, and their formula written out pixel by pixel."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

Case = dict[str, np.ndarray]


def halves(size: int = 8) -> Tensor:
    """An image, black on the left and white on the right."""
    image = torch.zeros(1, 3, size, size)
    image[..., size // 2 :] = 1
    return image


def some_masks(classes: int = 3, size: tuple[int, int] = (7, 9)) -> Tensor:
    return torch.rand(2, classes, *size, generator=torch.Generator().manual_seed(0)).softmax(dim=1)


def some_images(size: tuple[int, int] = (7, 9)) -> Tensor:
    return torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(1))


def side_by_side(maps: Tensor, dilations: tuple[int, ...]) -> Tensor:
    """All neighbours of each pixel, ring by ring: b k h w to b k n h w."""
    (h, w), reach = maps.shape[2:], max(dilations)
    framed = F.pad(maps, (reach,) * 4, mode="replicate")
    ring = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if (y, x) != (0, 0)]
    starts = [(reach + y * d, reach + x * d) for d in dilations for y, x in ring]
    return torch.stack([framed[:, :, y : y + h, x : x + w] for y, x in starts], dim=2)


def golden(case: Case, dtype: torch.dtype) -> tuple[Tensor, Tensor, tuple[int, ...]]:
    """Masks, images and dilations of a case."""
    masks, images = (torch.from_numpy(case[name]).to(dtype) for name in ("mask_in", "image"))
    return masks, images, tuple(case["dilations"].tolist())
