"""What fits a student's feature to its teacher's."""

from torch import nn


class Adaptor(nn.Conv2d):
    """A 1×1 convolution that gives a student's feature the channels of its teacher's.

    Trained with the student and left behind with the teacher. FitNet's, CWD's and CIRKD's have no bias; the MSE
    of DiffKD's code has one.
    """

    def __init__(self, inside: int, outside: int, bias: bool = False) -> None:
        super().__init__(inside, outside, kernel_size=1, bias=bias)
