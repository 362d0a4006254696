"""MobileNetV3, large and small. Source: Howard et al., ICCV 2019 (Tables 1 and 2)."""

from torch import nn

from seglet.models.backbones.mobile import MobileBlockShape, MobileNetwork, rounded_channels
from seglet.models.backbones.variants import MobileNetV3Shape
from seglet.models.layers.normalise import Normalise

_Stage = tuple[int, int, tuple[float, ...], int, bool]

_LARGE: tuple[_Stage, ...] = (
    (3, 1, (1,), 16, False),
    (3, 2, (4, 3), 24, False),
    (5, 2, (3, 3, 3), 40, True),
    (3, 2, (6, 2.5, 2.3, 2.3), 80, False),
    (3, 1, (6, 6), 112, True),
    (5, 2, (6, 6, 6), 160, True),
)
_SMALL: tuple[_Stage, ...] = (
    (3, 2, (1,), 16, True),
    (3, 2, (4.5, 3.67), 24, False),
    (5, 2, (4, 6, 6), 40, True),
    (5, 1, (3, 3), 48, True),
    (5, 2, (6, 6, 6), 96, True),
)
"""Kernel, stride, expansion of each block, channels, and whether there is squeeze-and-excitation; Tables 1 and 2."""

_SIZES = {"large": (_LARGE, 3, 960), "small": (_SMALL, 2, 576)}
"""Stages, how many of them have ReLU, and the channels of the last convolution."""


class MobileNetV3(MobileNetwork):
    """MobileNetV3 without its classifier; the last stage ends with the 1x1 convolution before the mean.

    Args:
        shape: size, factor on the channels, and padding of the network.
        output_stride: 8, 16 or 32, of the last stage; strides beyond it become dilation.

    Raises:
        ValueError: the output stride is none of these.
    """

    def __init__(self, shape: MobileNetV3Shape, normalise: Normalise, output_stride: int = 32) -> None:
        stem = rounded_channels(16 * shape.width) if shape.width >= 0.75 else 16  # as published
        activation = nn.ReLU if shape.minimal else nn.Hardswish
        super().__init__(normalise, stem, _stages(shape, stem), shape.same_padding, output_stride, activation)


def _stages(shape: MobileNetV3Shape, inside: int) -> list[list[MobileBlockShape]]:
    table, plain, last = _SIZES[shape.size]
    stages: list[list[MobileBlockShape]] = []
    for number, (kernel, stride, expansions, channels, gated) in enumerate(table):
        outside = rounded_channels(channels * shape.width)
        stages.append([])
        for block, expansion in enumerate(expansions):
            hidden = inside if expansion == 1 else rounded_channels(inside * expansion)
            stages[-1].append(
                MobileBlockShape(
                    outside,
                    hidden,
                    expand=int(expansion > 1),
                    depthwise=3 if shape.minimal else kernel,
                    gate=rounded_channels(hidden / 4) if gated and not shape.minimal else 0,
                    stride=1 if block else stride,
                    activation=nn.ReLU if shape.minimal or number < plain else nn.Hardswish,
                    hard_gate=True,
                )
            )
            inside = outside
    wide = rounded_channels(last * shape.width)
    activation = nn.ReLU if shape.minimal else nn.Hardswish
    return [*stages, [MobileBlockShape(wide, wide, depthwise=0, project=False, activation=activation)]]
