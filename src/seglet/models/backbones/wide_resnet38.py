"""WideResNet38 with dilated last stages, whose blocks normalise before they convolve.

Source: Wu et al., Pattern Recognition 2019 (model A1); strides and dilations as in SSSS, Araslanov and Roth, CVPR 2020.
"""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from seglet.models.backbones.base import Backbone, StageFunctions
from seglet.models.layers.conv import scaled_channels
from seglet.models.layers.dropout import Dropout
from seglet.models.layers.normalise import Normalise


class PreActivationBlock(nn.Module):
    """Block of two 3x3 convolutions, each behind normalisation and ReLU, with one of `dilations` each."""

    def __init__(
        self, inside: int, middle: int, outside: int, stride: int = 1, dilations: tuple[int, int] = (1, 1)
    ) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(inside)
        self.conv1 = nn.Conv2d(inside, middle, 3, stride, dilations[0], dilations[0], bias=False)
        self.norm2 = nn.BatchNorm2d(middle)
        self.conv2 = nn.Conv2d(middle, outside, 3, 1, dilations[1], dilations[1], bias=False)
        changes = inside != outside or stride != 1
        self.shortcut = nn.Conv2d(inside, outside, 1, stride, bias=False) if changes else None

    def forward(self, features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h2 w2"]:
        """A projected shortcut starts behind the first normalisation, a plain one before it."""
        active = F.relu(self.norm1(features), inplace=True)
        branch: Tensor = self.conv2(F.relu(self.norm2(self.conv1(active)), inplace=True))
        return branch + (features if self.shortcut is None else self.shortcut(active))


class PreActivationBottleneck(nn.Module):
    """Block of 1x1, 3x3 and 1x1 convolutions to a quarter, half and all of the channels, each behind normalisation."""

    def __init__(self, inside: int, outside: int, dilation: int, dropout: float, stride: int = 1) -> None:
        super().__init__()
        quarter, half = outside // 4, outside // 2
        self.norm1 = nn.BatchNorm2d(inside)
        self.conv1 = nn.Conv2d(inside, quarter, 1, stride, bias=False)
        self.norm2 = nn.BatchNorm2d(quarter)
        self.conv2 = nn.Conv2d(quarter, half, 3, 1, dilation, dilation, bias=False)
        self.norm3 = nn.BatchNorm2d(half)
        self.conv3 = nn.Conv2d(half, outside, 1, bias=False)
        self.shortcut = nn.Conv2d(inside, outside, 1, stride, bias=False)
        self.dropout = Dropout(dropout, channelwise=True)

    def forward(self, features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h2 w2"]:
        active = F.relu(self.norm1(features), inplace=True)
        branch = self.dropout(F.relu(self.norm2(self.conv1(active)), inplace=True))
        branch = self.dropout(F.relu(self.norm3(self.conv2(branch)), inplace=True))
        joined: Tensor = self.conv3(branch) + self.shortcut(active)
        return joined


class WideResNet38(Backbone):
    """Stages at strides 2, 4, 8 and 8; layers are numbered as in the papers, with the stem as the first.

    The last two layers drop channels in training mode, as published.

    Args:
        width: factor on all channel counts (rounded to multiples of 8).
    """

    shallow = 1

    def __init__(self, normalise: Normalise, width: float = 1.0) -> None:
        super().__init__(normalise)
        start, a, b, c, wide, wider, d = (
            scaled_channels(channels, width) for channels in (64, 128, 256, 512, 1024, 2048, 4096)
        )
        self.channels = (a, b, c, d)
        self.stem = nn.Conv2d(3, start, 3, padding=1, bias=False)
        self.layer2 = wide_resnet_layer(start, a, depth=3)
        self.layer3 = wide_resnet_layer(a, b, depth=3)
        self.layer4 = wide_resnet_layer(b, c, depth=6)
        dilated = [PreActivationBlock(wide, c, wide, dilations=(2, 2)) for _ in range(2)]
        self.layer5 = nn.Sequential(PreActivationBlock(c, c, wide, dilations=(1, 2)), *dilated)
        self.layer6 = PreActivationBottleneck(wide, wider, dilation=4, dropout=0.3)
        self.layer7 = PreActivationBottleneck(wider, d, dilation=4, dropout=0.5)
        self.norm = nn.BatchNorm2d(d)

    def stage_functions(self) -> StageFunctions:
        return self.first, self.layer3, self.layer4, self.last

    def first(self, images: Float[Tensor, "b planes h w"]) -> Float[Tensor, "b c h2 w2"]:
        """Computes the first stage from normalised images."""
        stage: Tensor = self.layer2(self.stem(images))
        return stage

    def last(self, third: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h w"]:
        """Computes the deepest stage, normalised and behind a ReLU, from the one before it."""
        deep = self.layer7(self.layer6(self.layer5(third)))
        return F.relu(self.norm(deep), inplace=True)


def wide_resnet_layer(inside: int, channels: int, depth: int) -> nn.Sequential:
    """Builds a layer of `depth` blocks, of which the first halves the resolution."""
    first = PreActivationBlock(inside, channels, channels, stride=2)
    return nn.Sequential(first, *[PreActivationBlock(channels, channels, channels) for _ in range(depth - 1)])
