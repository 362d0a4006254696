"""DeepLabV3+, which brings DeepLabV3's pyramid to stride 4 and refines it with an early stage.

Source: Chen et al., ECCV 2018; sizes as there, plain convolutions as UniMatch's code has them.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seglet.models.backbones.base import Stages
from seglet.models.heads.base import Head, Tail
from seglet.models.heads.deeplabv3 import ASPP
from seglet.models.layers.conv import ConvNormRelu
from seglet.models.layers.dropout import Dropout
from seglet.tensors import resize_align_corners

_SKIP = 48 / 256
"""Channels of the skip connection, as a share of the others'."""


class DeepLabV3PlusHead(Head):
    """Head that joins the deepest stage, behind ASPP, with a shallow one at its size by two 3x3 convolutions.

    Args:
        inside: channels of the four stages.
        hidden: channels of everything; 256 as published.
        shallow: index of the shallow stage, the one at stride 4.
        rates: see `ASPP`.
    """

    def __init__(
        self,
        inside: tuple[int, ...],
        hidden: int,
        num_classes: int,
        shallow: int = 0,
        rates: tuple[int, ...] = (12, 24, 36),
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.shallow = shallow
        skip = max(1, round(hidden * _SKIP))
        self.aspp = ASPP(inside[-1], hidden, rates)
        self.skip = ConvNormRelu(inside[shallow], skip)
        self.merge = ConvNormRelu(hidden + skip, hidden, 3)
        self.refine = ConvNormRelu(hidden, hidden, 3)
        self.tail = Tail(nn.Identity(), Dropout(dropout), nn.Conv2d(hidden, num_classes, 1))

    def stem(self, stages: Stages) -> Float[Tensor, "b c h w"]:
        shallow = stages[self.shallow]
        deep = resize_align_corners(self.aspp(stages[-1]), (shallow.shape[2], shallow.shape[3]))
        trunk: Tensor = self.refine(self.merge(torch.cat([deep, self.skip(shallow)], dim=1)))
        return trunk
