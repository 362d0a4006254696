"""Convolutions that pad as TensorFlow does, as weights that were trained there need them."""

from collections import OrderedDict

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


class SameConv(nn.Conv2d):
    """Convolution that pads as TensorFlow does: less on the left and above where the sides differ.

    Kernels are odd and strides 1 or 2, so that no padding needs a rounded division, which ONNX graphs round otherwise.
    There is a bias only once batch normalisation is folded in. In mixed precision on a processor, depthwise ones
    compute in float32: oneDNN's gradients of them in bfloat16 take three times as long.
    """

    def __init__(self, inside: int, outside: int, kernel: int, stride: int, dilation: int, groups: int) -> None:
        super().__init__(inside, outside, kernel, stride, dilation=dilation, groups=groups, bias=False)

    def forward(self, input: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h2 w2"]:  # noqa: A002  torch's name
        if self.groups > 1 and input.device.type == "cpu" and torch.is_autocast_enabled("cpu"):
            with torch.autocast("cpu", enabled=False):
                return self._same(input.float()).to(input.dtype)
        return self._same(input)

    def _same(self, input: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h2 w2"]:  # noqa: A002  torch's name
        half = (self.kernel_size[0] - 1) * self.dilation[0] // 2
        height, width = input.shape[2:]
        by_phases = self.training and self.dilation[0] > 1
        if self.stride[0] == 1 and not by_phases:
            return F.conv2d(input, self.weight, self.bias, padding=half, dilation=self.dilation, groups=self.groups)
        first = (half - 1 + width % 2, half - 1 + height % 2) if self.stride[0] == 2 else (half, half)
        padded = F.pad(input, (first[0], half, first[1], half)) if half else input
        if by_phases:
            return dilated_by_phases(padded, self)
        maps: Tensor = self._conv_forward(padded, self.weight, self.bias)
        return maps


def dilated_by_phases(padded: Float[Tensor, "b c h w"], conv: nn.Conv2d) -> Float[Tensor, "b d h2 w2"]:
    """Computes a dilated convolution of stride 1 as undilated ones on every second (third, …) row and column.

    The values are the same. On processors, PyTorch's depthwise convolutions are many times slower with dilation.
    """
    rate, (b, _, h, w) = conv.dilation[0], padded.shape
    rows, columns = h - (conv.kernel_size[0] - 1) * rate, w - (conv.kernel_size[1] - 1) * rate
    filled = F.pad(padded, (0, -w % rate, 0, -h % rate))
    whole = torch.unflatten(torch.unflatten(filled, 2, (-1, rate)), 4, (-1, rate))
    phases = whole.permute(3, 5, 0, 1, 2, 4).flatten(0, 2).contiguous(memory_format=torch.channels_last)
    maps = torch.unflatten(F.conv2d(phases, conv.weight, groups=conv.groups), 0, (rate, rate, b))
    merged = maps.permute(2, 3, 4, 0, 5, 1).flatten(4, 5).flatten(2, 3)[:, :, :rows, :columns]
    return merged.contiguous(memory_format=torch.channels_last)


class SameConvNorm(nn.Sequential):
    """`SameConv`, then batch normalisation with TensorFlow's constants."""

    def __init__(
        self, inside: int, outside: int, kernel: int = 1, stride: int = 1, dilation: int = 1, groups: int = 1
    ) -> None:
        conv = SameConv(inside, outside, kernel, stride, dilation, groups)
        super().__init__(OrderedDict(conv=conv, norm=nn.BatchNorm2d(outside, eps=1e-3, momentum=0.01)))
