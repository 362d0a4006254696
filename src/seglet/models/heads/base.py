"""Interface of heads: a deterministic `stem`, and a `tail` that starts with the first dropout.

Monte-Carlo passes then repeat the tail alone.
"""

from abc import abstractmethod
from collections import OrderedDict

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seglet.models.backbones.base import Stages
from seglet.models.layers.conv import ConvNormRelu
from seglet.models.layers.dropout import Dropout
from seglet.models.layers.initialise import CustomInitialisation


class Tail(nn.Module):
    """Tail of a head: `body`, then the last dropout, then the classifier, which may be any module that gives logits."""

    def __init__(self, body: nn.Module, dropout: Dropout, classifier: nn.Module) -> None:
        super().__init__()
        self.body = body
        self.dropout = dropout
        self.classifier = classifier

    def forward(self, trunk: Float[Tensor, "b c h w"]) -> tuple[Float[Tensor, "b k h w"], Float[Tensor, "b d h w"]]:
        """Returns logits, and the feature that CIRKD distils.

        The feature is taken behind the dropout, or before it if that drops whole channels.
        """
        return self.classify_feature(self.body(trunk))

    def classify_feature(
        self, feature: Float[Tensor, "b d h w"]
    ) -> tuple[Float[Tensor, "b k h w"], Float[Tensor, "b d h w"]]:
        """Returns logits and feature of an output of `body`."""
        if not self.dropout.channelwise:
            feature = self.dropout(feature)
            return self.classifier(feature), feature
        if not (self.dropout.training and self.dropout.p > 0):
            return self.classifier(feature), feature
        if isinstance(self.classifier, nn.Conv2d):
            return classify_with_dropped_weights(self.classifier, feature, self.dropout.mask(feature)), feature
        return self.classifier(self.dropout(feature)), feature


def classify_with_dropped_weights(
    classifier: nn.Conv2d, feature: Float[Tensor, "b d h w"], mask: Float[Tensor, "b d 1 1"]
) -> Float[Tensor, "b k h w"]:
    """Classifies a feature with dropped channels by dropping their weights, which are far fewer than pixels."""
    b, d, h, w = feature.shape
    weight = classifier.weight.view(1, -1, d) * mask.view(b, 1, d)
    logits = (weight @ feature.flatten(2)).view(b, -1, h, w)
    return logits if classifier.bias is None else logits + classifier.bias.view(1, -1, 1, 1)


class Head(CustomInitialisation):
    """Maps a backbone's stages to logits at the head's own resolution.

    In evaluation mode the stem is deterministic; in training mode it is too, save where a head says otherwise.
    """

    tail: Tail

    @abstractmethod
    def stem(self, stages: Stages) -> Float[Tensor, "b c h w"]:
        """Computes everything before the first dropout that Monte-Carlo passes repeat."""

    def forward(self, stages: Stages) -> tuple[Float[Tensor, "b k h w"], Float[Tensor, "b d h w"]]:
        """Returns logits and the distilled feature."""
        logits, feature = self.tail(self.stem(stages))
        return logits, feature


def check_pooled_batch(maps: Float[Tensor, "b c h w"], training: bool) -> None:
    """Checks that batch normalisation has more than one value to normalise over.

    Raises:
        ValueError: one image alone, pooled to one pixel, gives batch normalisation nothing to normalise over.
    """
    if training and maps.shape[0] == 1:
        raise ValueError(
            "this head pools each image to one pixel and normalises over the batch, so a training step needs at least "
            "2 images on each process; raise the batch size or use a segformer network"
        )


class FCNHead(nn.Sequential):
    """Auxiliary head of the third stage, for training: 3x3 convolution to a quarter of the channels, classifier.

    Source: Long et al., CVPR 2015; sizes as in CIRKD.
    """

    def __init__(self, inside: int, num_classes: int, dropout: float = 0.1) -> None:
        hidden = inside // 4
        super().__init__(
            OrderedDict(
                conv=ConvNormRelu(inside, hidden, 3),
                dropout=Dropout(dropout),
                classifier=nn.Conv2d(hidden, num_classes, 1),
            )
        )


class ForegroundClassifier(nn.Module):
    """Classifier of networks that learn from tags: class 0 has a constant logit, the others a 1x1 convolution.

    Raises:
        ValueError: there is no class besides the background.
    """

    def __init__(self, inside: int, num_classes: int, constant: float, bias: bool = True) -> None:
        super().__init__()
        if num_classes < 2:
            raise ValueError(f"class 0 is the background here, so 2 classes are the least; got {num_classes}")
        self.foreground = nn.Conv2d(inside, num_classes - 1, 1, bias=bias)
        self.constant = constant

    def forward(self, features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k h w"]:
        logits: Tensor = self.foreground(features)
        return torch.cat([torch.full_like(logits[:, :1], self.constant), logits], dim=1)
