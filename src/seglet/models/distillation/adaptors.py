"""Layers that bring a student's features to the channels of its teacher's."""

from torch import nn

from seglet.models.layers.conv import ConvNormRelu


class Adaptor(nn.Conv2d):
    """Adapts a student's feature to the channels of its teacher's by a 1×1 convolution.

    Trained with the student and left behind with the teacher. FitNet's, CWD's and CIRKD's have no bias; the MSE
    of DiffKD's code has one.
    """

    def __init__(self, inside: int, outside: int, bias: bool = False) -> None:
        super().__init__(inside, outside, kernel_size=1, bias=bias)


def pixel_projector(student_channels: int, teacher_channels: int) -> nn.Sequential:
    """Builds CIRKD's projector: 1×1 convolution, normalisation, ReLU, 1×1 convolution to the teacher's channels."""
    last = nn.Conv2d(teacher_channels, teacher_channels, 1, bias=False)
    return nn.Sequential(ConvNormRelu(student_channels, teacher_channels), last)
