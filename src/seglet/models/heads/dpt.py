"""DPT's head for plain transformers: taps of one size brought to four, and joined from the coarsest to the finest.

Source: Ranftl et al., Vision Transformers for Dense Prediction, ICCV 2021, without its read-out token; sizes and the
classifier as in UniMatch-V2's code. Axes: b images, c channels, d those of the joined maps, h rows, w columns.
"""

from dataclasses import dataclass

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from seglet.models.backbones.base import Stages
from seglet.models.heads.base import Head, Tail
from seglet.models.layers.conv import scaled_channels
from seglet.models.layers.dropout import Dropout
from seglet.tensors import resize_align_corners

_LEVELS = ((4.0, 0), (2.0, 1), (1.0, 2), (0.5, 3))
"""Factor on the sides of each tap's map, and the place of the tap."""


@dataclass(frozen=True)
class DPTWidths:
    """Channels of the maps of each tap before they are joined, and after."""

    taps: tuple[int, int, int, int]
    joined: int

    @classmethod
    def of(cls, inside: int, width: float = 1.0) -> "DPTWidths":
        """Returns the widths for a transformer of `inside` channels, as UniMatch-V2 has them for DINOv2.

        They are an eighth, a quarter, half and all of the transformer's for its small and base sizes, and a sixth of
        them after the join; of the large and the giant size more.
        """
        if inside >= 1536:
            taps, joined = (inside, inside, inside, inside), inside // 4
        elif inside >= 1024:
            taps, joined = (inside // 4, inside // 2, inside, inside), inside // 4
        else:
            taps, joined = (inside // 8, inside // 4, inside // 2, inside), inside // 6
        first, second, third, fourth = (scaled_channels(channels, width) for channels in taps)
        return cls((first, second, third, fourth), scaled_channels(joined, width))


class DPTHead(Head):
    """Head that joins four taps of a plain transformer by residual convolutions, at eight times their resolution."""

    def __init__(self, inside: tuple[int, ...], widths: DPTWidths, num_classes: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.project = nn.ModuleList(nn.Conv2d(a, b, 1) for a, b in zip(inside, widths.taps, strict=True))
        self.scale = nn.ModuleList(_scaling(widths.taps[place], factor) for factor, place in _LEVELS)
        self.level = nn.ModuleList(nn.Conv2d(taps, widths.joined, 3, padding=1, bias=False) for taps in widths.taps)
        self.join = nn.ModuleList(MapJoin(widths.joined, coarsest=place == 3) for _, place in _LEVELS)
        self.last = nn.Conv2d(widths.joined, widths.joined, 3, padding=1)
        self.tail = Tail(nn.Identity(), Dropout(dropout, channelwise=True), nn.Conv2d(widths.joined, num_classes, 1))

    def stem(self, stages: Stages) -> Float[Tensor, "b d h w"]:
        parts = zip(stages, self.project, self.scale, self.level, strict=True)
        levels = [level(scale(project(stage))) for stage, project, scale, level in parts]
        joined = self.join[3](levels[3], None, levels[2].shape[-2:])
        for place in (2, 1):
            joined = self.join[place](joined, levels[place], levels[place - 1].shape[-2:])
        height, width = levels[0].shape[-2:]
        return F.relu(self.last(self.join[0](joined, levels[0], (2 * height, 2 * width))))


def _scaling(channels: int, factor: float) -> nn.Module:
    if factor > 1:
        return nn.ConvTranspose2d(channels, channels, int(factor), int(factor))
    return nn.Identity() if factor == 1 else nn.Conv2d(channels, channels, 3, 2, 1)


class MapJoin(nn.Module):
    """Sum of a coarser map and a finer one behind a residual convolution, refined, resized and mixed by channels."""

    def __init__(self, channels: int, coarsest: bool = False) -> None:
        super().__init__()
        self.beside = None if coarsest else ResidualConv(channels)
        self.refine = ResidualConv(channels)
        self.mix = nn.Conv2d(channels, channels, 1)

    def forward(
        self, coarse: Float[Tensor, "b d h w"], fine: Float[Tensor, "b d h w"] | None, size: tuple[int, int]
    ) -> Float[Tensor, "b d _ _"]:
        """Returns the joined map at `size`; the coarsest has no finer map beside it."""
        if fine is not None and self.beside is not None:
            coarse = coarse + self.beside(fine)
        mixed: Tensor = self.mix(resize_align_corners(self.refine(coarse), size))
        return mixed


class ResidualConv(nn.Module):
    """Two 3x3 convolutions, each behind a ReLU, added to their input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, maps: Float[Tensor, "b d h w"]) -> Float[Tensor, "b d h w"]:
        changed: Tensor = self.second(F.relu(self.first(F.relu(maps))))
        return maps + changed
