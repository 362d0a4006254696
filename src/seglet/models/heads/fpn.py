"""Semantic FPN: all stages brought to one width and added at the finest of them.

Source: Kirillov et al., Panoptic Feature Pyramid Networks, CVPR 2019 (Sec. 4.1), with one 1x1 convolution for each
stage in place of its chains of 3x3 convolutions, which suits backbones of a few million parameters.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from seglet.models.backbones.base import Stages
from seglet.models.heads.base import Head, Tail
from seglet.models.layers.dropout import Dropout
from seglet.tensors import resize_half_pixel


class FPNHead(Head):
    """Sum of the stages from `finest` on at the resolution of that stage, normalised; then dropout and classifier.

    Args:
        inside: channels of the stages.
        hidden: channels of the sum.
        finest: index of the first stage that is read; 1 is stride 8.
    """

    def __init__(
        self, inside: tuple[int, ...], hidden: int, num_classes: int, finest: int = 1, dropout: float = 0.1
    ) -> None:
        super().__init__()
        self.finest = finest
        self.lateral = nn.ModuleList(nn.Conv2d(channels, hidden, 1, bias=False) for channels in inside[finest:])
        self.norm = nn.BatchNorm2d(hidden)
        self.tail = Tail(nn.Identity(), Dropout(dropout, channelwise=True), nn.Conv2d(hidden, num_classes, 1))

    def draw_weights(self, generator: torch.Generator) -> None:
        """Draws small weights, as PyTorch does by default: these few layers are to follow a pretrained backbone fast.

        Kaiming's weights would be four times as large, and its logits start from a loss twice that of chance.
        """
        for conv in (*self.lateral, self.tail.classifier):
            if isinstance(conv, nn.Conv2d):
                bound = conv.in_channels**-0.5
                nn.init.uniform_(conv.weight, -bound, bound, generator=generator)

    def stem(self, stages: Stages) -> Float[Tensor, "b c h w"]:
        read = stages[self.finest :]
        height, width = read[0].shape[2:]
        maps = [lateral(stage) for lateral, stage in zip(self.lateral, read, strict=True)]
        total = torch.stack([resize_half_pixel(one, (height, width)) for one in maps]).sum(0)
        return F.relu(self.norm(total))
