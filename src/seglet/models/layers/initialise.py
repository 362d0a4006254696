"""Weights to start from when there are none, drawn from the caller's random generator."""

import math
from abc import ABC

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

_NORMS = (_BatchNorm, nn.LayerNorm, nn.GroupNorm)
_LAYERS = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)


class CustomInitialisation(nn.Module, ABC):
    """A module some of whose weights start otherwise than `initialise_weights` draws them."""

    def draw_weights(self, generator: torch.Generator) -> None:
        """Draws these weights; by default there are none."""


@torch.no_grad()
def initialise_weights(network: nn.Module, generator: torch.Generator) -> None:
    """Draws every weight of a segmentation network and resets its buffers, all but the input convention.

    Convolutions get Kaiming's normal distribution (He et al., ICCV 2015), linear layers a truncated normal one of
    deviation 0.02 as in SegFormer, embeddings a normal one. Norms start as the identity, biases at 0. At last every
    `CustomInitialisation` draws its own weights.
    """
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
        elif isinstance(module, _NORMS) and module.weight is not None:
            module.weight.fill_(1)
        if isinstance(module, _BatchNorm):
            module.reset_running_stats()
        if isinstance(module, (*_LAYERS, *_NORMS)) and module.bias is not None:
            module.bias.zero_()
    for module in network.modules():
        if isinstance(module, CustomInitialisation):
            module.draw_weights(generator)
