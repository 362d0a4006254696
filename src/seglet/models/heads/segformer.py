"""SegFormer's head of linear layers. Source: Xie et al., NeurIPS 2021; dropout drops whole channels, as there."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from seglet.models.backbones.base import Stages
from seglet.models.heads.base import Head, Tail
from seglet.models.layers.dropout import Dropout
from seglet.tensors import resize_half_pixel


class SegFormerHead(Head):
    """Head that brings all stages to `hidden` channels and the finest grid, and joins them by a 1x1 convolution."""

    def __init__(self, inside: tuple[int, ...], hidden: int, num_classes: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.linear = nn.ModuleList(nn.Conv2d(channels, hidden, 1) for channels in inside)
        self.fuse = nn.Conv2d(hidden * len(inside), hidden, 1)
        self.norm = nn.BatchNorm2d(hidden)
        self.tail = Tail(nn.Identity(), Dropout(dropout, channelwise=True), nn.Conv2d(hidden, num_classes, 1))

    def stem(self, stages: Stages) -> Float[Tensor, "b c h w"]:
        """Fuses the stages to one map at the finest grid.

        The published order is resize, concatenate, fuse. Fusing first, each stage with its share of the weights, is the
        same (both are linear and bilinear weights sum to 1) at a quarter of the multiplications.
        """
        height, width = stages[0].shape[2:]
        shares = self.fuse.weight.chunk(len(stages), dim=1)
        backwards = [*zip(stages, self.linear, strict=True)][::-1]  # the coarsest stage comes first in `fuse`
        fused = [F.conv2d(linear(maps), share) for (maps, linear), share in zip(backwards, shares, strict=True)]
        coarse = sum(resize_half_pixel(maps, (height, width)) for maps in fused[:-1])
        bias = 0 if self.fuse.bias is None else self.fuse.bias.view(1, -1, 1, 1)
        return F.relu(self.norm(fused[-1] + coarse + bias), inplace=True)
