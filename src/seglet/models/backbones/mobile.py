"""Networks of inverted residual blocks, the common ground of EfficientNet and MobileNet.

Source: Sandler et al., MobileNetV2, CVPR 2018; further parts of blocks are those of MobileNetV3 (Howard et al., ICCV
2019), EfficientNet (Tan and Le, ICML 2019) and MobileNetV4 (Qin et al., ECCV 2024).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, count

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seglet.models.backbones.base import Backbone, StageFunctions
from seglet.models.layers.conv import ConvNorm
from seglet.models.layers.normalise import Normalise
from seglet.models.layers.same_conv import SameConvNorm

Activation = type[nn.ReLU] | type[nn.ReLU6] | type[nn.SiLU] | type[nn.Hardswish]


@dataclass(frozen=True)
class MobileBlockShape:
    """Shape of a block, whose layers come in the order of these kernels; a kernel of 0 leaves a layer out.

    Args:
        channels: of its output.
        hidden: channels between expansion and projection.
        start: kernel of a depthwise convolution before the expansion, without activation.
        expand: kernel of the expansion.
        depthwise: kernel of the depthwise convolution behind it.
        gate: channels within the squeeze-and-excitation of the hidden ones; 0 for none.
        project: whether a linear 1x1 convolution follows; otherwise the hidden channels are the output.
        stride: of the last layer that has a larger kernel than 1.
        hard_gate: the gate is piecewise linear behind a ReLU, otherwise a sigmoid behind the block's own activation.
    """

    channels: int
    hidden: int
    start: int = 0
    expand: int = 1
    depthwise: int = 3
    gate: int = 0
    project: bool = True
    stride: int = 1
    activation: Activation = nn.ReLU
    hard_gate: bool = False


class ChannelGate(nn.Module):
    """Squeeze-and-excitation: factors of the channels from their means."""

    def __init__(self, channels: int, hidden: int, activation: Activation, hard: bool) -> None:
        super().__init__()
        self.narrow = nn.Conv2d(channels, hidden, 1)
        self.activation = nn.ReLU() if hard else activation()
        self.widen = nn.Conv2d(hidden, channels, 1)
        self.gate = nn.Hardsigmoid() if hard else nn.Sigmoid()

    def forward(self, features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        means = features.mean((2, 3), keepdim=True)
        gated: Tensor = features * self.gate(self.widen(self.activation(self.narrow(means))))
        return gated


class MobileBlock(nn.Module):
    """Block of a `MobileBlockShape`, added to its input where the shapes allow it and there is a projection."""

    def __init__(self, inside: int, shape: MobileBlockShape, dilation: int, same: bool) -> None:
        super().__init__()
        unit, hidden, stride = SameConvNorm if same else ConvNorm, shape.hidden, shape.stride
        strides = (1, 1, stride) if shape.depthwise else (1, stride, 1) if shape.expand > 1 else (stride, 1, 1)
        self.shape = shape
        self.start = unit(inside, inside, shape.start, strides[0], dilation, inside) if shape.start else None
        self.expand = unit(inside, hidden, shape.expand, strides[1], dilation) if shape.expand else None
        kernel = shape.depthwise
        self.depthwise = unit(hidden, hidden, kernel, strides[2], dilation, hidden) if kernel else None
        self.gate = ChannelGate(hidden, shape.gate, shape.activation, shape.hard_gate) if shape.gate else None
        self.project = unit(hidden, shape.channels) if shape.project else None
        self.activation = shape.activation()
        self.residual = shape.project and stride == 1 and inside == shape.channels

    def forward(self, features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h2 w2"]:
        hidden = features if self.start is None else self.start(features)
        if self.expand is not None:
            hidden = self.activation(self.expand(hidden))
        if self.depthwise is not None:
            hidden = self.activation(self.depthwise(hidden))
        if self.gate is not None:
            hidden = self.gate(hidden)
        if self.project is not None:
            hidden = self.project(hidden)
        return features + hidden if self.residual else hidden


class MobileNetwork(Backbone):
    """A strided 3x3 convolution, then stages of blocks; those at strides 4, 8, 16 and 32 are tapped.

    Args:
        stem: channels of the first convolution.
        stages: shapes of the blocks, stage by stage; only the first of a stage may stride.
        same: convolutions pad as TensorFlow's do, and batch norms have its constants.
        output_stride: 8, 16 or 32, of the last stage; strides beyond it become dilation.
        activation: of the first convolution.

    Raises:
        ValueError: the output stride is none of these.
    """

    def __init__(
        self,
        normalise: Normalise,
        stem: int,
        stages: Sequence[Sequence[MobileBlockShape]],
        same: bool = False,
        output_stride: int = 32,
        activation: Activation = nn.ReLU,
    ) -> None:
        super().__init__(normalise)
        if output_stride not in (8, 16, 32):
            raise ValueError(f"expected an output stride of 8, 16 or 32, got {output_stride}")
        self.stem = (SameConvNorm if same else ConvNorm)(3, stem, 3, 2)
        self.activation = activation()
        built = _build_stages(stem, stages, same, output_stride)
        taps = _taps([stage[0].stride for stage in stages])
        self.stages = nn.ModuleList(nn.Sequential(*built[begin:end]) for begin, end in taps)
        self.channels = tuple(stages[end - 1][-1].channels for _, end in taps)

    def stage_functions(self) -> StageFunctions:
        _, *others = self.stages
        return self.first, *others

    def first(self, images: Float[Tensor, "b planes h w"]) -> Float[Tensor, "b c h2 w2"]:
        """Computes the first stage from normalised images, with channels last, which depthwise layers like best."""
        last = images.contiguous(memory_format=torch.channels_last)
        stage: Tensor = self.stages[0](self.activation(self.stem(last)))
        return stage

    def placed_blocks(self) -> Iterator[tuple[str, int, int, MobileBlock]]:
        """Yields the name of each block, the number of its stage, its own number there, and the block."""
        numbers = count()
        for tap, stages in enumerate(self.stages):
            for inner, stage in enumerate(stages.children()):
                place = next(numbers)
                for number, block in enumerate(stage.children()):
                    if isinstance(block, MobileBlock):
                        yield f"stages.{tap}.{inner}.{number}", place, number, block


def _build_stages(
    inside: int, stages: Sequence[Sequence[MobileBlockShape]], same: bool, output_stride: int
) -> list[nn.Sequential]:
    reached, dilation, built = 2, 1, []
    for shapes in stages:
        blocks = []
        for shape in shapes:
            before = dilation  # a block whose stride becomes dilation starts from the dilation before it
            if reached * shape.stride > output_stride:
                dilation *= shape.stride
                shape = replace(shape, stride=1)
            reached *= shape.stride
            blocks.append(MobileBlock(inside, shape, before, same))
            inside = shape.channels
        built.append(nn.Sequential(*blocks))
    return built


def _taps(strides: list[int]) -> list[tuple[int, int]]:
    """Returns from and to of the stages that each of the strides 4, 8, 16 and 32 has, as the network was published."""
    reached = list(accumulate(strides, lambda before, stride: before * stride, initial=2))[1:]
    ends = [sum(stride <= wanted for stride in reached) for wanted in (4, 8, 16, 32)]
    return list(zip((0, *ends), ends, strict=False))


def rounded_channels(wanted: float) -> int:
    """Rounds channels to the nearest multiple of 8 that is at least 8, but never down by more than a tenth."""
    rounded = max(8, int(wanted + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * wanted else rounded
