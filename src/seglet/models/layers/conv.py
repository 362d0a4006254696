"""Convolutional building blocks of backbones and heads."""

from collections import OrderedDict

from torch import nn


class ConvNorm(nn.Sequential):
    """Convolution without bias, then batch normalisation; padding keeps the size at stride 1."""

    norm: nn.BatchNorm2d

    def __init__(
        self, inside: int, outside: int, kernel: int = 1, stride: int = 1, dilation: int = 1, groups: int = 1
    ) -> None:
        padding = dilation * (kernel // 2)
        conv = nn.Conv2d(inside, outside, kernel, stride, padding, dilation, groups, bias=False)
        super().__init__(OrderedDict(conv=conv, norm=nn.BatchNorm2d(outside)))


class ConvNormRelu(ConvNorm):
    """Convolution without bias, batch normalisation and ReLU."""

    def __init__(self, inside: int, outside: int, kernel: int = 1, stride: int = 1, dilation: int = 1) -> None:
        super().__init__(inside, outside, kernel, stride, dilation)
        self.add_module("relu", nn.ReLU(inplace=True))


def scaled_channels(channels: int, width: float) -> int:
    """Returns `channels` times `width`, rounded to a multiple of 8 that is at least 8."""
    return max(8, round(channels * width / 8) * 8)
