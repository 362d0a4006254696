"""Freezing of pretrained layers as SSSS does it."""

from collections.abc import Iterator

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from seglet.models.backbones.resnet import ResNet
from seglet.models.backbones.wide_resnet38 import WideResNet38
from seglet.models.heads.ssss import SSSSHead
from seglet.models.network import Network


def freeze_pretrained(network: Network) -> None:
    """Freezes the earliest layers, and the scale and shift of the backbone's batch norms.

    The earliest layers are the stem and, of a WideResNet38, the first stage; a Mix Transformer keeps all gradients.

    Source: SSSS, models/backbones: the 137 104 500 parameters that are left train.
    """
    backbone = network.backbone
    early: tuple[nn.Module, ...] = ()
    if isinstance(backbone, WideResNet38):
        early = (backbone.stem, backbone.layer2)
    elif isinstance(backbone, ResNet):
        early = (backbone.stem,)
    for part in (*early, *batch_norms(backbone)):
        part.requires_grad_(False)


def fix_batch_norm_statistics(network: Network) -> None:
    """Makes the batch norms of the backbone and of SSSS's ASPP use the statistics they have.

    `train()` wakes them, so call this after it. Without pretrained weights these statistics mean nothing: train all.

    Source: SSSS, models/backbones/base_net.py; 7 of 50 norms see their batch.
    """
    aspp = network.head.aspp if isinstance(network.head, SSSSHead) else nn.Identity()
    for norm in (*batch_norms(network.backbone), *batch_norms(aspp)):
        norm.eval()


def batch_norms(module: nn.Module) -> Iterator[_BatchNorm]:
    """Returns all batch norms inside a module."""
    return (part for part in module.modules() if isinstance(part, _BatchNorm))
