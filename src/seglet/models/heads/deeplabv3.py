"""DeepLabV3's atrous spatial pyramid pooling. Source: Chen et al., arXiv 1706.05587; sizes as in CIRKD."""

from collections import OrderedDict

from jaxtyping import Float
from torch import Tensor, nn

from seglet.models.backbones.base import Stages
from seglet.models.heads.aspp import views
from seglet.models.heads.base import Head, Tail
from seglet.models.layers.conv import ConvNormRelu
from seglet.models.layers.dropout import Dropout

RATES = (12, 24, 36)


class DeepLabV3Head(Head):
    """Five views of the last stage, `hidden` channels wide each, projected; then a 3x3 convolution, then classes."""

    def __init__(
        self, inside: int, hidden: int, num_classes: int, dropout: float = 0.1, aspp_dropout: float = 0.5
    ) -> None:
        super().__init__()
        self.point = ConvNormRelu(inside, hidden)
        self.atrous = nn.ModuleList(ConvNormRelu(inside, hidden, 3, dilation=rate) for rate in RATES)
        self.pooled = ConvNormRelu(inside, hidden)
        self.project = ConvNormRelu(hidden * (2 + len(RATES)), hidden)
        body = nn.Sequential(OrderedDict(dropout=Dropout(aspp_dropout), conv=ConvNormRelu(hidden, hidden, 3)))
        self.tail = Tail(body, Dropout(dropout), nn.Conv2d(hidden, num_classes, 1))

    def stem(self, stages: Stages) -> Float[Tensor, "b c h w"]:
        trunk: Tensor = self.project(views(stages[-1], self.point, self.atrous, self.pooled))
        return trunk
