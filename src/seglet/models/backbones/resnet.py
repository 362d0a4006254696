"""ResNet-18, 34, 50 and 101 with a deep stem and dilated last stages.

Source: He et al., CVPR 2016; the stem of three 3x3 convolutions and the dilations are those of CIRKD's networks.
"""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from seglet.models.backbones.base import Backbone, StageFunctions
from seglet.models.backbones.variants import RESNETS
from seglet.models.layers.conv import ConvNorm, ConvNormRelu, scaled_channels
from seglet.models.layers.normalise import Normalise

_STAGE_CHANNELS = (64, 128, 256, 512)


class BasicBlock(nn.Module):
    """Residual block of two 3x3 convolutions, with one of `dilations` each."""

    expansion = 1

    def __init__(self, inside: int, channels: int, stride: int, dilations: tuple[int, int]) -> None:
        super().__init__()
        self.conv1 = ConvNormRelu(inside, channels, 3, stride, dilations[0])
        self.conv2 = ConvNorm(channels, channels, 3, 1, dilations[1])
        self.shortcut = residual_shortcut(inside, channels, stride)

    def forward(self, features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h2 w2"]:
        return F.relu(self.conv2(self.conv1(features)) + self.shortcut(features), inplace=True)


class ResNetBottleneck(nn.Module):
    """Residual block of 1x1, 3x3 and 1x1 convolutions.

    Only the middle one is strided and dilated, by the first of `dilations`.
    """

    expansion = 4

    def __init__(self, inside: int, channels: int, stride: int, dilations: tuple[int, int]) -> None:
        super().__init__()
        outside = channels * self.expansion
        self.conv1 = ConvNormRelu(inside, channels)
        self.conv2 = ConvNormRelu(channels, channels, 3, stride, dilations[0])
        self.conv3 = ConvNorm(channels, outside)
        self.shortcut = residual_shortcut(inside, outside, stride)

    def forward(self, features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h2 w2"]:
        return F.relu(self.conv3(self.conv2(self.conv1(features))) + self.shortcut(features), inplace=True)


class ResNet(Backbone):
    """ResNet with a deep stem, whose last stages are dilated.

    Args:
        variant: a key of `RESNETS`.
        width: factor on all channel counts (rounded to multiples of 8).
        output_stride: 8 or 16, of the last stage; strides beyond it become dilation.
    """

    def __init__(self, variant: str, normalise: Normalise, width: float = 1.0, output_stride: int = 8) -> None:
        super().__init__(normalise)
        if output_stride not in (8, 16):
            raise ValueError(f"expected an output stride of 8 or 16, got {output_stride}")
        shape = RESNETS[variant]
        block, depths = ResNetBottleneck if shape.bottleneck else BasicBlock, shape.depths
        plain = [scaled_channels(channels, width) for channels in _STAGE_CHANNELS]
        a, b, c, d = (channels * block.expansion for channels in plain)
        self.channels = (a, b, c, d)
        stem = plain[0], scaled_channels(128, width)
        self.stem = nn.Sequential(
            ConvNormRelu(3, stem[0], 3, 2), ConvNormRelu(stem[0], stem[0], 3), ConvNormRelu(stem[0], stem[1], 3)
        )
        last_dilations = {8: (2, 4), 16: (1, 2)}[output_stride]
        self.layer1 = resnet_stage(block, stem[1], plain[0], depths[0])
        self.layer2 = resnet_stage(block, a, plain[1], depths[1], stride=2)
        self.layer3 = resnet_stage(block, b, plain[2], depths[2], stride=output_stride // 8, dilation=last_dilations[0])
        self.layer4 = resnet_stage(block, c, plain[3], depths[3], dilation=last_dilations[1])

    def stage_functions(self) -> StageFunctions:
        return self.first, self.layer2, self.layer3, self.layer4

    def first(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b c h2 w2"]:
        """Computes the first stage from normalised images."""
        stage: Tensor = self.layer1(F.max_pool2d(self.stem(images), 3, stride=2, padding=1))
        return stage


def resnet_stage(
    block: type[BasicBlock] | type[ResNetBottleneck],
    inside: int,
    channels: int,
    depth: int,
    stride: int = 1,
    dilation: int = 1,
) -> nn.Sequential:
    """Builds a stage of `depth` blocks; the first strides, and starts with half of this stage's dilation."""
    outside = channels * block.expansion
    first = block(inside, channels, stride, (max(1, dilation // 2), dilation))
    return nn.Sequential(first, *[block(outside, channels, 1, (dilation, dilation)) for _ in range(depth - 1)])


def residual_shortcut(inside: int, outside: int, stride: int) -> nn.Module:
    """Returns the identity where shapes allow it, else a 1x1 projection."""
    return nn.Identity() if inside == outside and stride == 1 else ConvNorm(inside, outside, 1, stride)
