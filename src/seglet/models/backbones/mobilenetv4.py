"""MobileNetV4's convolutional networks. Source: Qin et al., ECCV 2024 (appendix)."""

from seglet.models.backbones.mobile import MobileBlockShape, MobileNetwork, rounded_channels
from seglet.models.backbones.variants import MobileNetV4Shape
from seglet.models.layers.normalise import Normalise

_Block = tuple[int, int, float, int]
"""Universal inverted bottleneck: kernels before and behind the expansion (0: none), expansion and channels."""

_Conv = tuple[int, int]
"""Convolution: kernel and channels."""

_Stage = tuple[_Conv | _Block, ...]

_FUSED = -1
"""First kernel of a block whose expansion is the large convolution itself."""

_SMALL: tuple[_Stage, ...] = (
    ((3, 32), (1, 32)),
    ((3, 96), (1, 64)),
    ((5, 5, 3, 96), *4 * ((0, 3, 2, 96),), (3, 0, 4, 96)),
    ((3, 3, 6, 128), (5, 5, 4, 128), (0, 5, 4, 128), (0, 5, 3, 128), *2 * ((0, 3, 4, 128),)),
)
_MEDIUM: tuple[_Stage, ...] = (
    ((_FUSED, 3, 4, 48),),
    ((3, 5, 4, 80), (3, 3, 2, 80)),
    (
        (3, 5, 6, 160),
        *2 * ((3, 3, 4, 160),),
        (3, 5, 4, 160),
        (3, 3, 4, 160),
        (3, 0, 4, 160),
        (0, 0, 2, 160),
        (3, 0, 4, 160),
    ),
    (
        (5, 5, 6, 256),
        (5, 5, 4, 256),
        *2 * ((3, 5, 4, 256),),
        (0, 0, 4, 256),
        (3, 0, 4, 256),
        (3, 5, 2, 256),
        (5, 5, 4, 256),
        *2 * ((0, 0, 4, 256),),
        (5, 0, 2, 256),
    ),
)
_LARGE: tuple[_Stage, ...] = (
    ((_FUSED, 3, 4, 48),),
    ((3, 5, 4, 96), (3, 3, 4, 96)),
    ((3, 5, 4, 192), *3 * ((3, 3, 4, 192),), (3, 5, 4, 192), *5 * ((5, 3, 4, 192),), (3, 0, 4, 192)),
    (
        *4 * ((5, 5, 4, 512),),
        (5, 0, 4, 512),
        (5, 3, 4, 512),
        *2 * ((5, 0, 4, 512),),
        (5, 3, 4, 512),
        (5, 5, 4, 512),
        *3 * ((5, 0, 4, 512),),
    ),
)
_SIZES = {"small": (_SMALL, 32), "medium": (_MEDIUM, 32), "large": (_LARGE, 24)}
"""Stages, of which each halves the sides, and the channels of the stem."""

_LAST_CHANNELS = 960


class MobileNetV4(MobileNetwork):
    """MobileNetV4 without its classifier; the last stage ends with the 1x1 convolution before the mean.

    Args:
        shape: size of the network, and factor on its channels.
        output_stride: 8, 16 or 32, of the last stage; strides beyond it become dilation.

    Raises:
        ValueError: the output stride is none of these.
    """

    def __init__(self, shape: MobileNetV4Shape, normalise: Normalise, output_stride: int = 32) -> None:
        table, published = _SIZES[shape.size]
        stem = rounded_channels(published * shape.width) if shape.width >= 1 else published  # as published
        inside = stem
        stages: list[list[MobileBlockShape]] = []
        for rows in table:
            stages.append([])
            for number, row in enumerate(rows):
                stages[-1].append(_block(row, inside, 1 if number else 2, shape.width))
                inside = stages[-1][-1].channels
        last = rounded_channels(_LAST_CHANNELS * shape.width)
        stages.append([MobileBlockShape(last, last, depthwise=0, project=False)])
        super().__init__(normalise, stem, stages, output_stride=output_stride)


def _block(row: _Conv | _Block, inside: int, stride: int, width: float) -> MobileBlockShape:
    channels = rounded_channels(row[-1] * width)
    if len(row) == 2:
        return MobileBlockShape(channels, channels, expand=row[0], depthwise=0, project=False, stride=stride)
    start, kernel, expansion, _ = row
    hidden = rounded_channels(inside * expansion)
    if start == _FUSED:
        return MobileBlockShape(channels, hidden, expand=kernel, depthwise=0, stride=stride)
    return MobileBlockShape(channels, hidden, start, 1, kernel, stride=stride)
