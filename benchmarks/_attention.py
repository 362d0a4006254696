"""Attention as a diffusion network's might look: patches of one region look at one another, the nearer the more."""

import torch
import torch.nn.functional as F
from torch import Tensor

CHANNELS = 16


def regional_attention(images: int, side: int, regions: int = 6, heads: int = 8, seed: int = 0) -> Tensor:
    """Mean over heads of softmax(q k / sqrt(d)) on a grid of side x side patches; axes b n n, rows sum to 1.

    Regions have a look of their own, patches one that varies smoothly within, and each head sees its own projection.
    """
    generator = torch.Generator().manual_seed(seed)
    region = regional_labels(images, side, regions, seed)
    looks = torch.randn(images, regions, CHANNELS, generator=generator)
    smooth = F.interpolate(torch.randn(images, CHANNELS, 5, 5, generator=generator), size=(side, side), mode="bicubic")
    patches = looks.gather(1, region[:, :, None].expand(-1, -1, CHANNELS)) + smooth.flatten(2).mT
    patches = patches + 0.1 * torch.randn(patches.shape, generator=generator)
    total = torch.zeros(images, side * side, side * side)
    for _ in range(heads):
        query = torch.randn(CHANNELS, CHANNELS, generator=generator) / CHANNELS**0.5
        key = query + 0.3 * torch.randn(CHANNELS, CHANNELS, generator=generator) / CHANNELS**0.5
        total += (((patches @ query) @ (patches @ key).mT) / CHANNELS**0.5).softmax(dim=2)
    return total / heads


def regional_labels(images: int, side: int, regions: int, seed: int) -> Tensor:
    """The region of each patch, that of the nearest of as many points; axes b n."""
    generator = torch.Generator().manual_seed(seed + 1)
    points = torch.rand(images, regions, 2, generator=generator)
    line = (torch.arange(side) + 0.5) / side
    places = torch.cartesian_prod(line, line)
    return torch.cdist(places.expand(images, -1, -1), points).argmin(dim=2)
