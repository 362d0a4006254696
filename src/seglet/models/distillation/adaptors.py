"""What fits a student's feature to its teacher's."""

from torch import nn

from seglet.models.layers.conv import ConvNormRelu


class Adaptor(nn.Conv2d):
    """A 1×1 convolution that gives a student's feature the channels of its teacher's.

    Trained with the student and left behind with the teacher. FitNet's, CWD's and CIRKD's have no bias; the MSE
    of DiffKD's code has one.
    """

    def __init__(self, inside: int, outside: int, bias: bool = False) -> None:
        super().__init__(inside, outside, kernel_size=1, bias=bias)


def projector(student_channels: int, teacher_channels: int) -> nn.Sequential:
    """Takes the student's features to the teacher's channels: 1×1 convolution, norm, ReLU, 1×1 convolution."""
    last = nn.Conv2d(teacher_channels, teacher_channels, 1, bias=False)
    return nn.Sequential(ConvNormRelu(student_channels, teacher_channels), last)
