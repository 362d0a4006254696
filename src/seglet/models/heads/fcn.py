"""The small head that helps the third stage learn; used in training only."""

from collections import OrderedDict

from torch import nn

from seglet.models.layers.conv import ConvNormRelu
from seglet.models.layers.dropout import Dropout


class FCNHead(nn.Sequential):
    """3x3 to a quarter of the channels, dropout, classifier. Source: Long et al., CVPR 2015; sizes as in CIRKD."""

    def __init__(self, inside: int, num_classes: int, dropout: float = 0.1) -> None:
        hidden = inside // 4
        super().__init__(
            OrderedDict(
                conv=ConvNormRelu(inside, hidden, 3),
                dropout=Dropout(dropout),
                classifier=nn.Conv2d(hidden, num_classes, 1),
            )
        )
