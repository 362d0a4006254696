"""Networks of red, green and blue made into networks of any channels."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seglet.images.value_range import Channel
from seglet.models.backbones.base import Backbone
from seglet.models.layers.normalise import Normalise
from seglet.models.segmenter import Segmenter

_RGB = ("red", "green", "blue")


def take_channels(segmenter: Segmenter, channels: Sequence[Channel]) -> None:
    """Makes a segmenter one of images with these channels, in stored values, which it normalises by their statistics.

    Its first convolution is widened as `widened_kernels` says. One that takes as many channels already keeps its
    weights.

    Raises:
        ValueError: its architecture takes red, green and blue alone.
    """
    mean, std = (tuple(getattr(channel, name) for channel in channels) for name in ("mean", "std"))
    before = segmenter.architecture
    segmenter.architecture = replace(before, channels=tuple(channels), mean=mean, std=std, bgr=False)
    backbone = segmenter.network.backbone
    if before.channels is None or len(before.channels) != len(channels):
        if before.channels is not None:
            raise ValueError(f"the network takes {len(before.channels)} channels, the data have {len(channels)}; give "
                             "weights of red, green and blue, or of these channels")  # fmt: skip
        widen_input(backbone, [channel.name for channel in channels], before.bgr)
    backbone.set_normalisation(Normalise(mean, std))


def widen_input(backbone: Backbone, names: Sequence[str], bgr: bool = False) -> None:
    """Replaces the first convolution of a backbone of three channels by one of these channels.

    Raises:
        ValueError: there is no such convolution, or more than one.
    """
    found = [part for part in backbone.modules() if isinstance(part, nn.Conv2d) and part.in_channels == 3]
    if len(found) != 1:
        raise ValueError(f"a {type(backbone).__name__} takes red, green and blue alone; choose another student, such "
                         "as deeplabv3-resnet18 or segformer-mit_b0")  # fmt: skip
    (first,) = found
    with torch.no_grad():
        first.weight = nn.Parameter(widened_kernels(first.weight, names, bgr), first.weight.requires_grad)
    first.in_channels = len(names)


def widened_kernels(kernels: Float[Tensor, "o 3 y x"], names: Sequence[str], bgr: bool = False) -> Tensor:
    """Returns kernels for these channels: those of red, green and blue for channels of these names, else their mean.

    All are multiplied by 3/n, so that maps keep their size where channels vary together, as they mostly do. A channel
    without a colour of its own begins as brightness, which is what edges are made of in any band.
    """
    order = _RGB[::-1] if bgr else _RGB
    mean = kernels.mean(dim=1)
    chosen = [kernels[:, order.index(name)] if name in order else mean for name in names]
    return torch.stack(chosen, dim=1) * (3 / len(names))
