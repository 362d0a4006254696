"""ResNets with a plain or a deep stem and dilated last stages.

Source: He et al., CVPR 2016; the stem of three 3x3 convolutions and the dilations are those of CIRKD's networks, and
pooled shortcuts those of He et al., Bag of Tricks, CVPR 2019 (ResNet-D).
"""

from collections import OrderedDict
from functools import partial

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from seglet.models.backbones.base import Backbone, StageFunctions
from seglet.models.backbones.variants import RESNETS, ResNetShape
from seglet.models.layers.conv import ConvNorm, ConvNormRelu, scaled_channels
from seglet.models.layers.normalise import Normalise


class BasicBlock(nn.Module):
    """Residual block of two 3x3 convolutions, with one of `dilations` each."""

    expansion = 1

    def __init__(
        self, inside: int, channels: int, stride: int, dilations: tuple[int, int], shortcut: nn.Module
    ) -> None:
        super().__init__()
        self.conv1 = ConvNormRelu(inside, channels, 3, stride, dilations[0])
        self.conv2 = ConvNorm(channels, channels, 3, 1, dilations[1])
        self.shortcut = shortcut

    def forward(self, features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h2 w2"]:
        return F.relu(self.conv2(self.conv1(features)) + self.shortcut(features), inplace=True)


class ResNetBottleneck(nn.Module):
    """Residual block of 1x1, 3x3 and 1x1 convolutions.

    Only the middle one is strided and dilated, by the first of `dilations`.
    """

    expansion = 4

    def __init__(
        self, inside: int, channels: int, stride: int, dilations: tuple[int, int], shortcut: nn.Module
    ) -> None:
        super().__init__()
        outside = channels * self.expansion
        self.conv1 = ConvNormRelu(inside, channels)
        self.conv2 = ConvNormRelu(channels, channels, 3, stride, dilations[0])
        self.conv3 = ConvNorm(channels, outside)
        self.shortcut = shortcut

    def forward(self, features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h2 w2"]:
        return F.relu(self.conv3(self.conv2(self.conv1(features))) + self.shortcut(features), inplace=True)


class ResNet(Backbone):
    """ResNet whose last stages are dilated.

    Args:
        variant: a key of `RESNETS`, or the shape of another one.
        width: factor on all channel counts (rounded to multiples of 8).
        output_stride: 8, 16 or 32, of the last stage; strides beyond it become dilation.

    Raises:
        ValueError: the output stride is none of these.
    """

    def __init__(
        self, variant: str | ResNetShape, normalise: Normalise, width: float = 1.0, output_stride: int = 8
    ) -> None:
        super().__init__(normalise)
        if output_stride not in (8, 16, 32):
            raise ValueError(f"expected an output stride of 8, 16 or 32, got {output_stride}")
        shape = RESNETS[variant] if isinstance(variant, str) else variant
        block = ResNetBottleneck if shape.bottleneck else BasicBlock
        scaled = partial(scaled_channels, width=width) if width != 1 else int
        plain = [scaled(channels) for channels in shape.channels]
        a, b, c, d = (channels * block.expansion for channels in plain)
        self.channels = (a, b, c, d)
        self.pooled_shortcuts = shape.pooled_shortcuts
        stem = [scaled(channels) for channels in shape.stem]
        self.stem = nn.Sequential(*_stem_layers(stem))
        inside, reached, dilation = stem[-1], 4, 1
        stages = []
        for place, (channels, depth) in enumerate(zip(plain, shape.depths, strict=True)):
            stride, before = min(2 if place else 1, output_stride // reached), dilation
            dilation *= 1 if place == 0 else 2 // stride
            stages.append(_stage(block, inside, channels, depth, stride, (before, dilation), shape.pooled_shortcuts))
            inside, reached = channels * block.expansion, reached * stride
        self.layer1, self.layer2, self.layer3, self.layer4 = stages

    def stage_functions(self) -> StageFunctions:
        return self.first, self.layer2, self.layer3, self.layer4

    def first(self, images: Float[Tensor, "b planes h w"]) -> Float[Tensor, "b c h2 w2"]:
        """Computes the first stage from normalised images."""
        stage: Tensor = self.layer1(F.max_pool2d(self.stem(images), 3, stride=2, padding=1))
        return stage


def _stem_layers(channels: list[int]) -> list[nn.Module]:
    """Returns one 7x7 convolution, or several 3x3 ones; the first strides."""
    inside = (3, *channels)
    kernel = 7 if len(channels) == 1 else 3
    return [ConvNormRelu(inside[i], inside[i + 1], kernel, 1 if i else 2) for i in range(len(channels))]


def _stage(
    block: type[BasicBlock] | type[ResNetBottleneck],
    inside: int,
    channels: int,
    depth: int,
    stride: int,
    dilations: tuple[int, int],
    pooled: bool,
) -> nn.Sequential:
    """Builds a stage of `depth` blocks; the first strides, and starts with the dilation of the stage before."""
    outside, dilation = channels * block.expansion, dilations[1]
    if inside == outside and stride == 1:
        shortcut: nn.Module = nn.Identity()
    elif pooled:
        shortcut = _pooled_projection(inside, outside, stride, dilation > 1)
    else:
        shortcut = ConvNorm(inside, outside, 1, stride)
    first = block(inside, channels, stride, dilations, shortcut)
    others = [block(outside, channels, 1, (dilation, dilation), nn.Identity()) for _ in range(depth - 1)]
    return nn.Sequential(first, *others)


def _pooled_projection(inside: int, outside: int, stride: int, dilated: bool) -> nn.Sequential:
    """Returns the mean of 2x2 pixels, then a 1x1 projection that does not stride.

    The first stage has no mean. Where dilation replaces the stride, each pixel is the first of its four, and those
    beyond the border are zero.
    """
    pool: nn.Module = nn.Identity()
    if dilated:
        pool = nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), nn.AvgPool2d(2, 1))
    elif stride > 1:
        pool = nn.AvgPool2d(2, stride, ceil_mode=True, count_include_pad=False)
    conv = nn.Conv2d(inside, outside, 1, bias=False)
    return nn.Sequential(OrderedDict(pool=pool, conv=conv, norm=nn.BatchNorm2d(outside)))
