"""Weights to start from when there are none, drawn from a generator of one's own."""

import math

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from seglet.models.backbones.base import Backbone
from seglet.models.heads.base import Head
from seglet.models.layers.depth_fusion import DepthFusion

NORMS = (_BatchNorm, nn.LayerNorm, nn.GroupNorm)
LAYERS = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)


@torch.no_grad()
def initialise(network: nn.Module, generator: torch.Generator) -> None:
    """Kaiming normal (He et al., ICCV 2015) for convolutions, truncated normal 0.02 for linear layers as in SegFormer,
    normal for embeddings; norms start as the identity, biases at 0; then backbones and heads draw what they want
    otherwise, and what depth is told by begins as the identity.
    Sets every parameter and buffer of a segmentation network but the input convention."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            fan_out = module.kernel_size[0] * module.kernel_size[1] * module.out_channels // module.groups
            module.weight.normal_(0, math.sqrt(2 / fan_out), generator=generator)
        elif isinstance(module, nn.ConvTranspose2d):  # of stride as large as the kernel: each pixel is reached once
            module.weight.normal_(0, math.sqrt(1 / module.in_channels), generator=generator)
        elif isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=0.02, generator=generator)
        elif isinstance(module, nn.Embedding):
            module.weight.normal_(generator=generator)
        elif isinstance(module, NORMS) and module.weight is not None:
            module.weight.fill_(1)
        if isinstance(module, _BatchNorm):
            module.reset_running_stats()
        if isinstance(module, (*LAYERS, *NORMS)) and module.bias is not None:
            module.bias.zero_()
    for module in network.modules():
        if isinstance(module, Backbone | Head):
            module.start(generator)
        elif isinstance(module, DepthFusion):
            module.start()
