"""PSPNet's head. Source: Zhao et al., CVPR 2017; widths and dropout as in CIRKD."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from seglet.models.backbones.base import Stages
from seglet.models.heads.base import Head, Tail, check_pooled_batch
from seglet.models.layers.conv import ConvNormRelu
from seglet.models.layers.dropout import Dropout
from seglet.tensors import resize_align_corners

_BINS = (1, 2, 3, 6)


class PSPHead(Head):
    """Head of the last stage and its means over 1, 4, 9 and 36 cells, a 3x3 convolution and a classifier."""

    def __init__(self, inside: int, num_classes: int, dropout: float = 0.1) -> None:
        super().__init__()
        hidden = inside // len(_BINS)
        self.pyramid = nn.ModuleList(ConvNormRelu(inside, hidden) for _ in _BINS)
        self.conv = ConvNormRelu(inside + hidden * len(_BINS), hidden, 3)
        self.tail = Tail(nn.Identity(), Dropout(dropout), nn.Conv2d(hidden, num_classes, 1))

    def stem(self, stages: Stages) -> Float[Tensor, "b c h w"]:
        last = stages[-1]
        check_pooled_batch(last, self.training)
        height, width = last.shape[2:]
        pooled = [branch(F.adaptive_avg_pool2d(last, bins)) for branch, bins in zip(self.pyramid, _BINS, strict=True)]
        cells = [resize_align_corners(maps, (height, width)) for maps in pooled]
        trunk: Tensor = self.conv(torch.cat([last, *cells], dim=1))
        return trunk
