"""Layers of a backbone in the order of their depth, and the freezing of the first of them."""

import math
from dataclasses import dataclass

from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from seglet.models.backbones.base import Backbone
from seglet.models.backbones.vit import TappedTransformer
from seglet.models.network import Network

_LAST_STAGE = 4


@dataclass(frozen=True)
class BackboneLayer:
    """One layer: the stem (stage 0) or a block of one of the stages 1 to 4, with what stands right before it."""

    stage: int
    parts: tuple[nn.Module, ...]


def backbone_layers(backbone: Backbone) -> list[BackboneLayer]:
    """Returns the layers from the image on, the stem first.

    Parts that start from chance (see `Backbone.added_parts`), depth guidance and a plain transformer's norms behind its
    taps belong to no layer. A plain transformer's stages end at its taps, those of CLIP's tower after quarters of it.

    Raises:
        ValueError: the layers are not known, because the network is not one of seglet's own.
    """
    if not backbone.layered:
        raise ValueError(
            "the layers of a network that transformers builds are not known here; expected 'freeze: backbone' and "
            "'layer_decay: 1'"
        )
    if by_depth := backbone.layers_by_depth():
        stem_parts, *blocks = by_depth
        quarters = (math.ceil(_LAST_STAGE * number / len(blocks)) for number in range(1, len(blocks) + 1))
        return [BackboneLayer(0, stem_parts), *(BackboneLayer(*each) for each in zip(quarters, blocks, strict=True))]
    layers: list[BackboneLayer] = []
    stem: list[nn.Module] = []
    for name, part in _own_children(backbone):
        if name == "stem" or not (layers or _is_list(part)):
            stem.append(part)
        elif isinstance(part, _NormBase | nn.LayerNorm):
            layers[-1] = BackboneLayer(layers[-1].stage, (*layers[-1].parts, part))
        else:
            stage = layers[-1].stage if layers else 0
            layers += _staged(part, stage, backbone.taps if isinstance(backbone, TappedTransformer) else ())
    if stem or not layers:
        return [BackboneLayer(0, tuple(stem)), *layers]
    patches, *first = layers[0].parts  # a Mix Transformer's first stage has the stem in it
    return [BackboneLayer(0, (patches,)), BackboneLayer(layers[0].stage, tuple(first)), *layers[1:]]


def _own_children(backbone: Backbone) -> list[tuple[str, nn.Module]]:
    foreign = {backbone.normalise, backbone.fusion, *backbone.added_parts()}
    if isinstance(backbone, TappedTransformer):
        foreign.add(backbone.norms)
    return [(name, part) for name, part in backbone.named_children() if part not in foreign]


def _staged(part: nn.Module, before: int, taps: tuple[int, ...]) -> list[BackboneLayer]:
    """Returns the layers of a part behind stage `before`: its stages, the blocks between taps, or one more stage."""
    if taps:
        return [
            BackboneLayer(min(1 + sum(tap < number for tap in taps), _LAST_STAGE), tuple(block))
            for number, block in enumerate(_blocks(part))
        ]
    stages = list(part) if isinstance(part, nn.ModuleList) else [part]
    return [
        BackboneLayer(min(before + number, _LAST_STAGE), tuple(block))
        for number, stage in enumerate(stages, 1)
        for block in _blocks(stage)
    ]


def _blocks(part: nn.Module) -> list[list[nn.Module]]:
    """Returns the blocks of a part, each with what stands between it and the one before; the last with what follows."""
    if _is_list(part):
        return [block for child in part.children() for block in _blocks(child)]
    if not any(type(child) is nn.ModuleList for child in part.children()):
        return [[part]]
    found: list[list[nn.Module]] = []
    waiting: list[nn.Module] = []
    for child in part.children():
        if _is_list(child):
            first, *others = _blocks(child)
            found += [[*waiting, *first], *others]
            waiting = []
        elif found:
            found[-1].append(child)
        else:
            waiting.append(child)
    return found


def _is_list(part: nn.Module) -> bool:
    return type(part) in (nn.ModuleList, nn.Sequential)  # not what derives from them, such as a convolution with a norm


def freeze_backbone(network: Network, until: str) -> None:
    """Freezes the backbone from the image on: no gradients, and batch norms that keep their statistics.

    Args:
        until: `none`; `stem`; `stage1` to `stage4` for the stem and all stages up to this one; or `backbone` for
            all of it but parts that start from chance and depth guidance.
    """
    if until == "none":
        return
    backbone = network.backbone
    if until == "backbone":
        spared = {backbone.fusion, *backbone.added_parts()}
        parts = [part for part in backbone.children() if part not in spared]
        for weight in backbone.parameters(recurse=False):
            weight.requires_grad_(False)
    else:
        last = 0 if until == "stem" else int(until.removeprefix("stage"))
        parts = [part for layer in backbone_layers(backbone) if layer.stage <= last for part in layer.parts]
    names = {part: name for name, part in network.named_modules()}
    network.frozen = tuple(names[part] for part in parts)
    for part in parts:
        part.requires_grad_(False).eval()


def depth_rates(backbone: Backbone, decay: float) -> dict[nn.Parameter, float]:
    """Returns the factor on the learning rate of each parameter of a layer: `decay` for the last, its square before it.

    Source: Bao et al., BEiT, ICLR 2022; the head, with factor 1, counts as the layer behind the last.
    """
    layers = backbone_layers(backbone)
    return {
        weight: decay ** (len(layers) - number)
        for number, layer in enumerate(layers)
        for part in layer.parts
        for weight in part.parameters()
    }
