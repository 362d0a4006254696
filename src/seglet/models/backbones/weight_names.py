"""Names that the weights of our backbones have in timm's files, which are read without timm.

torchvision's ResNets have timm's names.
"""

import re
from collections.abc import Callable, Iterator, Mapping

from torch import nn

from seglet.models.backbones.base import Backbone
from seglet.models.backbones.convnext import ConvNeXt
from seglet.models.backbones.mobile import MobileBlock, MobileNetwork
from seglet.models.backbones.mobilenetv4 import MobileNetV4
from seglet.models.backbones.resnet import ResNet

_Rules = tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...]


def timm_names(backbone: Backbone) -> dict[str, str]:
    """Maps the names of a backbone's tensors to those in timm.

    Raises:
        ValueError: timm has no such backbone, or none whose names are known here.
    """
    if isinstance(backbone, MobileNetwork):
        return dict(_tensor_names(backbone, _mobile_layers(backbone)))
    if isinstance(backbone, ResNet):
        return _renamed(backbone, _timm_resnet(backbone))
    if isinstance(backbone, ConvNeXt):
        return _renamed(backbone, _TIMM_CONVNEXT)
    raise ValueError(f"no names of timm are known for a {type(backbone).__name__}")


def _renamed(backbone: Backbone, rules: _Rules) -> dict[str, str]:
    """Renames all tensors but those of parts that no published network has."""
    added = {name for part in backbone.added_parts() for name in _names_inside(backbone, part)}
    names = {}
    for name in backbone.state_dict():
        if name in added:
            continue
        renamed = name
        for pattern, replacement in rules:
            renamed = re.sub(f"^{pattern}", replacement, renamed)
        names[name] = renamed
    return names


def _names_inside(backbone: Backbone, part: nn.Module) -> list[str]:
    prefix = next(name for name, module in backbone.named_modules() if module is part)
    return [f"{prefix}.{name}" for name in part.state_dict()]


def _timm_resnet(backbone: ResNet) -> _Rules:
    last = len(backbone.stem) - 1
    stem: _Rules = ((r"stem\.0\.conv", "conv1"), (r"stem\.0\.norm", "bn1"))
    if last:
        stem = (
            (rf"stem\.{last}\.norm", "bn1"),
            (r"stem\.(\d)\.conv", lambda match: f"conv1.{3 * int(match[1])}"),
            (r"stem\.(\d)\.norm", lambda match: f"conv1.{3 * int(match[1]) + 1}"),
        )
    return (
        *stem,
        (r"(layer\d\.\d+)\.conv(\d)\.conv", r"\1.conv\2"),
        (r"(layer\d\.\d+)\.conv(\d)\.norm", r"\1.bn\2"),
        (r"(layer\d\.\d+)\.shortcut\.conv", rf"\1.downsample.{int(backbone.pooled_shortcuts)}"),
        (r"(layer\d\.\d+)\.shortcut\.norm", rf"\1.downsample.{1 + int(backbone.pooled_shortcuts)}"),
    )


_TIMM_CONVNEXT: _Rules = (
    (r"stages\.(\d)\.reduction\.", r"stages.\1.downsample."),
    (r"(stages\..*)\.depthwise\.", r"\1.conv_dw."),
    (r"(stages\..*)\.widen\.", r"\1.mlp.fc1."),
    (r"(stages\..*)\.response\.", r"\1.mlp.grn."),
    (r"(stages\..*)\.narrow\.", r"\1.mlp.fc2."),
    (r"(stages\..*)\.scale$", r"\1.gamma"),
)


def _tensor_names(backbone: Backbone, layers: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name in backbone.state_dict():
        layer, _, tensor = name.rpartition(".")
        yield name, f"{layers[layer]}.{tensor}"


def _mobile_layers(backbone: MobileNetwork) -> dict[str, str]:
    layers = {"stem.conv": "conv_stem", "stem.norm": "bn1"}
    universal = isinstance(backbone, MobileNetV4)
    for name, stage, number, block in backbone.placed_blocks():
        for ours, theirs in _block_layers(block, universal):
            layers[f"{name}.{ours}"] = f"blocks.{stage}.{number}.{theirs}"
    return layers


def _block_layers(block: MobileBlock, universal: bool) -> Iterator[tuple[str, str]]:
    """Yields our name of each layer of a block and timm's."""
    convs = [part for part in ("start", "expand", "depthwise", "project") if getattr(block, part) is not None]
    larger = block.shape.expand > 1
    if universal and block.project is not None and not larger:
        for part in convs:
            yield f"{part}.conv", f"{_UNIVERSAL[part]}.conv"
            yield f"{part}.norm", f"{_UNIVERSAL[part]}.bn"
        return
    for number, part in enumerate(convs, 1):
        yield f"{part}.conv", _conv_name(part, block)
        yield f"{part}.norm", f"bn{number}"
    yield "gate.narrow", "se.conv_reduce"
    yield "gate.widen", "se.conv_expand"


_UNIVERSAL = {"start": "dw_start", "expand": "pw_exp", "depthwise": "dw_mid", "project": "pw_proj"}


def _conv_name(part: str, block: MobileBlock) -> str:
    if part == "project":
        return "conv_pw" if block.expand is None else "conv_pwl"
    if part == "depthwise":
        return "conv_dw"
    if block.project is None:
        return "conv"
    return "conv_exp" if block.shape.expand > 1 else "conv_pw"
