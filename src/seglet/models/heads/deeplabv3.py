"""DeepLabV3's head and its atrous spatial pyramid pooling (ASPP), which other heads use too.

Source: Chen et al., arXiv 1706.05587; sizes of the head as in CIRKD.
"""

from collections import OrderedDict
from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seglet.models.backbones.base import Stages
from seglet.models.heads.base import Head, Tail, check_pooled_batch
from seglet.models.layers.conv import ConvNorm, ConvNormRelu
from seglet.models.layers.dropout import Dropout

_RATES = (12, 24, 36)


class DeepLabV3Head(Head):
    """Head of five views of the last stage, `hidden` channels wide each, a projection and a 3x3 convolution."""

    def __init__(
        self, inside: int, hidden: int, num_classes: int, dropout: float = 0.1, aspp_dropout: float = 0.5
    ) -> None:
        super().__init__()
        self.point = ConvNormRelu(inside, hidden)
        self.atrous = nn.ModuleList(ConvNormRelu(inside, hidden, 3, dilation=rate) for rate in _RATES)
        self.pooled = ConvNormRelu(inside, hidden)
        self.project = ConvNormRelu(hidden * (2 + len(_RATES)), hidden)
        body = nn.Sequential(OrderedDict(dropout=Dropout(aspp_dropout), conv=ConvNormRelu(hidden, hidden, 3)))
        self.tail = Tail(body, Dropout(dropout), nn.Conv2d(hidden, num_classes, 1))

    def stem(self, stages: Stages) -> Float[Tensor, "b c h w"]:
        trunk: Tensor = self.project(pyramid_features(stages[-1], self.point, self.atrous, self.pooled))
        return trunk


class ASPP(nn.Module):
    """Pyramid of a point, three dilated and a global view of a map, `hidden` channels wide each, projected to `hidden`.

    Args:
        rates: dilations of the three; 12, 24, 36 for a map at stride 8, half of that at 16.

    Source: SSSS, models/mods/aspp.py without its dropout; golden aspp.
    """

    def __init__(self, inside: int, hidden: int, rates: tuple[int, ...] = (12, 24, 36)) -> None:
        super().__init__()
        self.point = ConvNormRelu(inside, hidden)
        self.atrous = nn.ModuleList(ConvNormRelu(inside, hidden, 3, dilation=rate) for rate in rates)
        self.pooled = ConvNormRelu(inside, hidden)
        self.project = ConvNormRelu(hidden * (2 + len(rates)), hidden)

    def forward(self, maps: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h w"]:
        projected: Tensor = self.project(pyramid_features(maps, self.point, self.atrous, self.pooled))
        return projected


def pyramid_features(
    maps: Float[Tensor, "b c h w"], point: nn.Module, atrous: Iterable[nn.Module], pooled: ConvNorm
) -> Float[Tensor, "b d h w"]:
    """Returns all views concatenated, the global one repeated everywhere.

    Raises:
        ValueError: see `check_pooled_batch`.
    """
    check_pooled_batch(maps, pooled.norm.training)
    whole = pooled(maps.mean((2, 3), keepdim=True)).expand(-1, -1, *maps.shape[2:])
    return torch.cat([point(maps), *[branch(maps) for branch in atrous], whole], dim=1)
