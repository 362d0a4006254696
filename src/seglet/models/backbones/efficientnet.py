"""EfficientNet-B0 to B8: inverted residual blocks with squeeze-and-excitation, scaled in width and depth.

Source: Tan and Le, ICML 2019 (Table 1).
"""

import math

from torch import nn

from seglet.models.backbones.mobile import MobileBlockShape, MobileNetwork, rounded_channels
from seglet.models.backbones.variants import EfficientNetShape
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

_STEM_CHANNELS = 32


class EfficientNet(MobileNetwork):
    """EfficientNet without its classifier and the 1x1 convolution before it.

    Args:
        shape: scale of the network, and its padding.
        width: factor on all channel counts (rounded to multiples of 8); published weights exist for 1.
        output_stride: 8, 16 or 32, of the last stage; strides beyond it become dilation.

    Raises:
        ValueError: the output stride is none of these.
    """

    def __init__(
        self, shape: EfficientNetShape, normalise: Normalise, width: float = 1.0, output_stride: int = 32
    ) -> None:
        published = rounded_channels(_STEM_CHANNELS * (1 if shape.lite else shape.width))
        stem = scaled_channels(published, width)
        activation = nn.ReLU6 if shape.lite else nn.SiLU
        stages = _stages(shape, stem, width)
        super().__init__(normalise, stem, stages, shape.same_padding, output_stride, activation)


def _stages(shape: EfficientNetShape, inside: int, width: float) -> list[list[MobileBlockShape]]:
    stages: list[list[MobileBlockShape]] = []
    for number, (kernel, stride, expansion, channels, blocks) in enumerate(_STAGES):
        outside = scaled_channels(rounded_channels(channels * shape.width), width)
        fixed = shape.lite and number in (0, len(_STAGES) - 1)
        stages.append([])
        for block in range(blocks if fixed else math.ceil(blocks * shape.depth)):
            stages[-1].append(
                MobileBlockShape(
                    outside,
                    inside * expansion,
                    expand=int(expansion > 1),
                    depthwise=kernel,
                    gate=0 if shape.lite else max(1, round(inside / 4)),
                    stride=1 if block else stride,
                    activation=nn.ReLU6 if shape.lite else nn.SiLU,
                )
            )
            inside = outside
    return stages
