"""Maps of several sizes from those of one size, as plain transformers have them.

Source: Li et al., Exploring Plain Vision Transformer Backbones for Object Detection, ECCV 2022, simple feature pyramid;
with one tapped block for each level, as BEiT's segmentation code has it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


class ChannelNorm(nn.LayerNorm):
    """Layer normalisation of the channels at each place of a map."""

    def forward(self, maps: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        normed: Tensor = super().forward(maps.permute(0, 2, 3, 1))
        return normed.permute(0, 3, 1, 2)


class MapScaling(nn.Module):
    """Map resized by a power of two: transposed convolutions where it grows, the maximum where it shrinks.

    Args:
        inside: channels of the map.
        outside: channels of a map that grows; others keep theirs.
        factor: on its sides; odd sides are rounded up when they are halved.
    """

    def __init__(self, inside: int, outside: int, factor: float) -> None:
        super().__init__()
        doublings = round(math.log2(factor))
        if 2.0**doublings != factor:
            raise ValueError(f"expected a power of two as factor of a map's sides, got {factor}")
        self.shrink = 2 ** max(0, -doublings)
        self.channels = outside if doublings > 0 else inside
        parts: list[nn.Module] = []
        before = inside
        for number in range(doublings):
            after = max(outside, before // 2) if number < doublings - 1 else outside
            parts.append(nn.ConvTranspose2d(before, after, 2, 2))
            parts += [ChannelNorm(after), nn.GELU()] if number < doublings - 1 else []
            before = after
        self.grow = nn.Sequential(*parts)

    def forward(self, maps: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h2 w2"]:
        if self.shrink > 1:
            return F.max_pool2d(maps, self.shrink, self.shrink, ceil_mode=True)
        grown: Tensor = self.grow(maps)
        return grown


@dataclass(frozen=True)
class StageReading:
    """The stages that a head reads, and the maps that it wants them as.

    `layout` is `pyramid` for maps that get coarser, up to `output_stride`, and `plain` for all as they are.
    """

    places: tuple[int, ...] = (0, 1, 2, 3)
    layout: Literal["pyramid", "plain"] = "pyramid"
    output_stride: int = 32


ALL_STAGES = StageReading()
"""All four stages, as a pyramid."""


class FeaturePyramid(nn.ModuleList):
    """Four maps of one stride brought to strides of about 4, 8, 16 and 32, as far as a head reads them.

    Args:
        inside: channels of the maps.
        patch: their stride in pixels.
    """

    def __init__(self, inside: Sequence[int], patch: int, reading: StageReading = ALL_STAGES) -> None:
        factors = pyramid_factors(patch, reading.output_stride) if reading.layout == "pyramid" else (1.0,) * 4
        levels = [
            MapScaling(channels, channels // share, factor if place in reading.places else 1.0)
            for place, (channels, share, factor) in enumerate(zip(inside, (4, 2, 1, 1), factors, strict=True))
        ]
        super().__init__(levels)
        self.channels = tuple(level.channels for level in levels)

    def forward(self, maps: Sequence[Float[Tensor, "b c h w"]]) -> tuple[Tensor, ...]:
        return tuple(level(one) for level, one in zip(self, maps, strict=True))


def pyramid_factors(patch: int, output_stride: int) -> tuple[float, float, float, float]:
    """Returns factors that bring maps of a patch's stride to strides of about 4, 8, 16 and 32.

    None is coarser than the output stride. The patch counts as the nearest power of two, 14 pixels as 16.
    """
    stride = 2 ** round(math.log2(patch))
    first, second, third, fourth = (stride / min(wanted, output_stride) for wanted in (4, 8, 16, 32))
    return first, second, third, fourth
