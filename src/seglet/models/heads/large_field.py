"""A convolutional decoder that sees far: DeepLab-LargeFOV. Axes: b images, d channels, k classes, h rows, w columns."""

from collections import OrderedDict

from torch import nn


class LargeFieldClassifier(nn.Sequential):
    """Two wide dilated convolutions and logits: the convolutional decoder of Table IX (DeepLab-LargeFOV).

    Source: Chen et al., 2015; width and dilation as in the code of DuPL and ToCo.
    """

    def __init__(self, channels: int, num_classes: int, hidden: int = 512, dilation: int = 5) -> None:
        first = nn.Conv2d(channels, hidden, 3, padding=dilation, dilation=dilation)
        second = nn.Conv2d(hidden, hidden, 3, padding=dilation, dilation=dilation)
        parts = {"first": first, "relu1": nn.ReLU(), "second": second, "relu2": nn.ReLU()}
        super().__init__(OrderedDict(**parts, classifier=nn.Conv2d(hidden, num_classes, 1)))
