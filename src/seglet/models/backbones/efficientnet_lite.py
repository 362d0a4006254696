"""EfficientNet-Lite0, 1 and 2: inverted residual blocks with ReLU6 and without squeeze-and-excitation.

Source: Tan and Le, ICML 2019 (Table 1); the Lite variants are Google's, whose stem and whose first and last stages are
not scaled. Convolutions pad as TensorFlow's "same" does, so that the published ImageNet weights give the published
values.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from seglet.models.backbones.base import Backbone, StageFunctions
from seglet.models.backbones.variants import EFFICIENTNET_LITES
from seglet.models.layers.conv import scaled_channels
from seglet.models.layers.normalise import Normalise

_STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)
"""Kernel, stride, expansion, channels and blocks of each stage; Table 1."""

_TAPS = ((0, 2), (2, 3), (3, 5), (5, 7))
"""Stages, from and to, whose last map is tapped: at strides 4, 8, 16 and 32."""

_STEM_CHANNELS = 32


class SameConv(nn.Conv2d):
    """Convolution without bias that pads as TensorFlow does: less on the left and above where the sides differ.

    Kernels are odd and strides 1 or 2, so that no padding needs a rounded division, which ONNX graphs round otherwise.
    """

    def __init__(self, inside: int, outside: int, kernel: int, stride: int, dilation: int, groups: int) -> None:
        super().__init__(inside, outside, kernel, stride, dilation=dilation, groups=groups, bias=False)

    def forward(self, input: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h2 w2"]:  # noqa: A002  torch's name
        half = (self.kernel_size[0] - 1) * self.dilation[0] // 2
        height, width = input.shape[2:]
        first = (half - 1 + width % 2, half - 1 + height % 2) if self.stride[0] == 2 else (half, half)
        padded = F.pad(input, (first[0], half, first[1], half)) if half else input
        if self.training and self.dilation[0] > 1:
            return dilated_by_phases(padded, self)
        maps: Tensor = self._conv_forward(padded, self.weight, None)
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
        super().__init__()
        self.add_module("conv", SameConv(inside, outside, kernel, stride, dilation, groups))
        self.add_module("norm", nn.BatchNorm2d(outside, eps=1e-3, momentum=0.01))


class InvertedResidual(nn.Module):
    """1x1 expansion (none where `expansion` is 1), depthwise convolution, linear 1x1 projection."""

    def __init__(self, inside: int, outside: int, expansion: int, kernel: int, stride: int, dilation: int) -> None:
        super().__init__()
        hidden = inside * expansion
        self.expand = None if expansion == 1 else SameConvNorm(inside, hidden)
        self.depthwise = SameConvNorm(hidden, hidden, kernel, stride, dilation, groups=hidden)
        self.project = SameConvNorm(hidden, outside)
        self.residual = stride == 1 and inside == outside

    def forward(self, features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h2 w2"]:
        hidden = features if self.expand is None else F.relu6(self.expand(features))
        projected: Tensor = self.project(F.relu6(self.depthwise(hidden)))
        return features + projected if self.residual else projected


class EfficientNetLite(Backbone):
    """EfficientNet-Lite without its classifier and the 1x1 convolution before it.

    Args:
        variant: a key of `EFFICIENTNET_LITES`.
        width: factor on all channel counts (rounded to multiples of 8); published weights exist for 1.
        output_stride: 8, 16 or 32, of the last stage; strides beyond it become dilation.

    Raises:
        ValueError: the output stride is none of these.
    """

    def __init__(self, variant: str, normalise: Normalise, width: float = 1.0, output_stride: int = 32) -> None:
        super().__init__(normalise)
        if output_stride not in (8, 16, 32):
            raise ValueError(f"expected an output stride of 8, 16 or 32, got {output_stride}")
        self.stem = SameConvNorm(3, scaled_channels(_STEM_CHANNELS, width), 3, 2)
        stages = _build_stages(variant, width, output_stride)
        self.stages = nn.ModuleList(nn.Sequential(*stages[begin:end]) for begin, end in _TAPS)
        published = [_published_channels(_STAGES[end - 1][3], variant) for _, end in _TAPS]
        self.channels = tuple(scaled_channels(channels, width) for channels in published)

    def stage_functions(self) -> StageFunctions:
        _, *others = self.stages
        return self.first, *others

    def first(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b c h2 w2"]:
        """Computes the first stage from normalised images, with channels last, which depthwise layers like best."""
        stage: Tensor = self.stages[0](F.relu6(self.stem(images.contiguous(memory_format=torch.channels_last))))
        return stage


def _build_stages(variant: str, width: float, output_stride: int) -> list[nn.Sequential]:
    inside, reached, dilation = scaled_channels(_STEM_CHANNELS, width), 2, 1
    stages = []
    for number, (kernel, stride, expansion, channels, blocks) in enumerate(_STAGES):
        outside = scaled_channels(_published_channels(channels, variant), width)
        count = blocks if number in (0, len(_STAGES) - 1) else math.ceil(blocks * EFFICIENTNET_LITES[variant].depth)
        before = dilation  # a stage that does not stride starts from the dilation of the stage before
        if reached * stride > output_stride:
            stride, dilation = 1, dilation * stride
        reached *= stride
        first = InvertedResidual(inside, outside, expansion, kernel, stride, before)
        others = [InvertedResidual(outside, outside, expansion, kernel, 1, dilation) for _ in range(count - 1)]
        stages.append(nn.Sequential(first, *others))
        inside = outside
    return stages


def _published_channels(channels: int, variant: str) -> int:
    """Rounds scaled channels to the nearest multiple of 8, but never down by more than a tenth."""
    wanted = channels * EFFICIENTNET_LITES[variant].width
    rounded = max(8, int(wanted + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * wanted else rounded
