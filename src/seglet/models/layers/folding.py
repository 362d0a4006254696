"""Batch normalisation folded into the convolutions before it, for networks that are only looked through."""

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from seglet.models.layers.same_conv import SameConvNorm


def fold_norms(network: nn.Module) -> None:
    """Folds the batch normalisation of every `SameConvNorm` into its convolution, and lays weights channels last.

    Outputs are the same but for rounding, and a forward pass on a processor takes about five sixths of the time. The
    network can no longer be trained, nor saved under its former names.

    Raises:
        ValueError: it is in training mode.
    """
    if network.training:
        raise ValueError("a network is folded in evaluation mode; call eval() first")
    for module in network.modules():
        if not isinstance(module, SameConvNorm):
            continue
        conv, norm = module.conv, module.norm
        if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            module.conv = fuse_conv_bn_eval(conv, norm)
            module.norm = nn.Identity()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
