"""Complementary dropout: of two views of an image one keeps the channels that the other loses (UniMatch-V2).

Axes: b images, b2 two views of each, c channels.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor


def complementary_factors(
    images: int, channels: int, whole_share: float, generator: torch.Generator
) -> tuple[Float[Tensor, "b c"], Float[Tensor, "b c"]]:
    """Draws factors of two views' channels: each channel has 2 in one view and 0 in the other, by chance.

    In `whole_share` of the images, rounded down, both views keep all channels, with a factor of 1. The generator must
    be on the CPU, and so are the factors.

    Source: UniMatch-V2, Sec. 3.3, and its code: half of the images are left whole.
    """
    first = 2.0 * torch.randint(0, 2, (images, channels), generator=generator)
    whole = torch.randperm(images, generator=generator)[: int(images * whole_share)]
    first[whole] = 1.0
    return first, 2.0 - first


def drop_complementary(
    maps: Sequence[Float[Tensor, "b2 _ _ _"]], whole_share: float, generator: torch.Generator
) -> tuple[Tensor, ...]:
    """Returns the maps of two views, the first half of the batch and the second, after complementary dropout.

    Maps with as many channels share their factors, as the layers of a transformer do.
    """
    drawn: dict[int, Tensor] = {}
    for one in maps:
        channels = one.shape[1]
        if channels not in drawn:
            pair = complementary_factors(one.shape[0] // 2, channels, whole_share, generator)
            drawn[channels] = torch.cat(pair)
    return tuple(one * drawn[one.shape[1]].to(one)[:, :, None, None] for one in maps)
