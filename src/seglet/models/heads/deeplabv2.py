"""DeepLabV2's head, which is trained on pseudo masks in second stages of weakly supervised segmentation."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seglet.models.backbones.base import Stages
from seglet.models.heads.base import Head, Tail
from seglet.models.layers.dropout import Dropout

_RATES = (6, 12, 18, 24)


class AtrousClassifier(nn.Module):
    """Classifier that sums dilated 3x3 convolutions, one for each rate, each with its bias."""

    def __init__(self, inside: int, num_classes: int, rates: tuple[int, ...] = _RATES) -> None:
        super().__init__()
        self.branches = nn.ModuleList(nn.Conv2d(inside, num_classes, 3, 1, rate, rate) for rate in rates)

    def forward(self, features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k h w"]:
        first, *others = self.branches
        logits: Tensor = first(features)
        for branch in others:
            logits = logits + branch(features)
        return logits


class DeepLabV2Head(Head):
    """Head that is only a classifier on the last stage.

    Source: Chen et al., TPAMI 2018 (ASPP-L), which has no dropout.
    """

    def __init__(self, inside: int, num_classes: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.tail = Tail(nn.Identity(), Dropout(dropout), AtrousClassifier(inside, num_classes))

    def stem(self, stages: Stages) -> Float[Tensor, "b c h w"]:
        return stages[-1]

    @torch.no_grad()
    def draw_weights(self, generator: torch.Generator) -> None:
        """Draws weights with the usual deviation 0.01.

        The sum runs over 36 times the channels, so Kaiming's deviation would saturate softmax.
        """
        for part in self.modules():
            if isinstance(part, nn.Conv2d):
                part.weight.normal_(0, 0.01, generator=generator)
