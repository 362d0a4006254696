"""What CIRKD, Af-DCD and SegFormer call the tensors of our networks."""

import re
from collections.abc import Callable

from seglet.models.network import Network
from seglet.models.pspnet import PSPHead
from seglet.models.segformer import SegFormerHead

Rule = tuple[str, str | Callable[[re.Match[str]], str]]


def official_name(name: str, network: Network) -> str:
    """The published name of one of `network`'s tensors; ResNet backbones carry the prefix `pretrained.`."""
    if isinstance(network.head, SegFormerHead):
        rules: tuple[Rule, ...] = (*TRANSFORMER, *SEGFORMER)
    else:
        rules = (*RESNET, *(PSPNET if isinstance(network.head, PSPHead) else DEEPLABV3), *AUXILIARY)
    for pattern, replacement in rules:
        name = re.sub(f"^{pattern}", replacement, name)
    return name


def _counted(before: str, after: str = "") -> Callable[[re.Match[str]], str]:
    """Our lists count from 0, the published attributes from 1."""
    return lambda match: f"{before}{int(match[1]) + 1}{after}"


RESNET: tuple[Rule, ...] = (
    (r"backbone\.stem\.(\d)\.conv", _counted("pretrained.conv")),
    (r"backbone\.stem\.(\d)\.norm", _counted("pretrained.bn")),
    (r"backbone\.(layer\d\.\d+)\.conv(\d)\.conv", r"pretrained.\1.conv\2"),
    (r"backbone\.(layer\d\.\d+)\.conv(\d)\.norm", r"pretrained.\1.bn\2"),
    (r"backbone\.(layer\d\.\d+)\.shortcut\.conv", r"pretrained.\1.downsample.0"),
    (r"backbone\.(layer\d\.\d+)\.shortcut\.norm", r"pretrained.\1.downsample.1"),
)
TRANSFORMER: tuple[Rule, ...] = (
    (r"backbone\.parts\.(\d)\.patches\.conv", _counted("patch_embed", ".proj")),
    (r"backbone\.parts\.(\d)\.patches\.norm", _counted("patch_embed", ".norm")),
    (r"backbone\.parts\.(\d)\.norm", _counted("norm")),
    (r"backbone\.parts\.(\d)\.blocks", _counted("block")),
    (r"(block\d\.\d+)\.attention\.query", r"\1.attn.q"),
    (r"(block\d\.\d+)\.attention\.key_value", r"\1.attn.kv"),
    (r"(block\d\.\d+)\.attention\.out", r"\1.attn.proj"),
    (r"(block\d\.\d+)\.attention\.reduction\.conv", r"\1.attn.sr"),
    (r"(block\d\.\d+)\.attention\.reduction\.norm", r"\1.attn.norm"),
    (r"(block\d\.\d+)\.feed_forward\.widen", r"\1.mlp.fc1"),
    (r"(block\d\.\d+)\.feed_forward\.depthwise", r"\1.mlp.dwconv.dwconv"),
    (r"(block\d\.\d+)\.feed_forward\.narrow", r"\1.mlp.fc2"),
)
PSPNET: tuple[Rule, ...] = (
    (r"head\.pyramid\.(\d)", _counted("head.psp.conv")),
    (r"head\.conv\.", "head.block."),
    (r"head\.tail\.classifier", "head.classifier"),
)
DEEPLABV3: tuple[Rule, ...] = (
    (r"head\.point", "head.aspp.b0"),
    (r"head\.atrous\.(\d)", _counted("head.aspp.b", ".block")),
    (r"head\.pooled\.conv", "head.aspp.b4.gap.1"),
    (r"head\.pooled\.norm", "head.aspp.b4.gap.2"),
    (r"head\.project", "head.aspp.project"),
    (r"head\.tail\.body\.conv", "head.block"),
    (r"head\.tail\.classifier", "head.block.4"),
)
AUXILIARY: tuple[Rule, ...] = (
    (r"auxiliary\.conv", "auxlayer.block"),
    (r"auxiliary\.classifier", "auxlayer.block.4"),
    (r"((?:head|auxlayer)\..+)\.conv(?=\.\w+$)", r"\1.0"),
    (r"((?:head|auxlayer)\..+)\.norm(?=\.\w+$)", r"\1.1"),
)
SEGFORMER: tuple[Rule, ...] = (
    (r"head\.linear\.(\d)", _counted("linear_c", ".proj")),
    (r"head\.fuse", "linear_fuse.0"),
    (r"head\.norm", "linear_fuse.1"),
    (r"head\.tail\.classifier", "linear_pred"),
)
