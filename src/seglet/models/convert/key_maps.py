"""Names of our networks' tensors in the code of CIRKD, Af-DCD, SegFormer, SSSS and DGKD-WLSS."""

import re
from collections.abc import Callable

from seglet.models.backbones.mit import MixTransformer
from seglet.models.backbones.resnet import ResNet
from seglet.models.backbones.wide_resnet38 import WideResNet38
from seglet.models.heads.deeplabv3 import DeepLabV3Head
from seglet.models.heads.pspnet import PSPHead
from seglet.models.heads.segformer import SegFormerHead
from seglet.models.heads.ssss import SSSSHead
from seglet.models.network import Network

_Rule = tuple[str, str | Callable[[re.Match[str]], str]]
_Rules = tuple[_Rule, ...]


def published_name(name: str, network: Network) -> str:
    """Returns the published name of one of `network`'s tensors; ResNet backbones carry the prefix `pretrained.`.

    DeepLabV2's head keeps our names: the networks it was published with are none of ours.
    """
    backbones: dict[type, _Rules] = {ResNet: _RESNET, MixTransformer: _MIX_TRANSFORMER, WideResNet38: _WIDE_RESNET38}
    heads: dict[type, _Rules] = {
        SegFormerHead: _SEGFORMER,
        PSPHead: _PSPNET,
        DeepLabV3Head: _DEEPLABV3,
        SSSSHead: _SSSS,
    }
    rules = (*backbones.get(type(network.backbone), ()), *heads.get(type(network.head), ()), *_AUXILIARY)
    for pattern, replacement in rules:
        name = re.sub(f"^{pattern}", replacement, name)
    return name


def dgkd_name(name: str, network: Network) -> str:
    """Returns the name of a tensor in DGKD-WLSS, which puts SSSS's backbone and head into two parts."""
    part = "backbone" if name.startswith("backbone.") else "classifier"
    return f"{part}.{published_name(name, network)}"


def is_pamr_constant(name: str) -> bool:
    """Checks whether a published tensor is a constant of PAMR and no weight."""
    return re.fullmatch(r"(classifier\.)?_aff\.aff_(x|m|std)\.kernel", name) is not None


def is_training_tensor(name: str) -> bool:
    """Checks whether a tensor of DGKD-WLSS was only used in training."""
    return name.startswith(("_criterion_kd", "classifier.feat.", "classifier.feat2."))


def is_depth_tensor(name: str) -> bool:
    """Checks whether a tensor of DGKD-WLSS belongs to its depth branch (DGF2)."""
    return name.startswith(("backbone.CondNet.", "backbone.sft"))


def _counted(before: str, after: str = "") -> Callable[[re.Match[str]], str]:
    """Returns a replacement that counts from 1 as the published attributes do; our lists count from 0."""
    return lambda match: f"{before}{int(match[1]) + 1}{after}"


_RESNET: _Rules = (
    (r"backbone\.stem\.(\d)\.conv", _counted("pretrained.conv")),
    (r"backbone\.stem\.(\d)\.norm", _counted("pretrained.bn")),
    (r"backbone\.(layer\d\.\d+)\.conv(\d)\.conv", r"pretrained.\1.conv\2"),
    (r"backbone\.(layer\d\.\d+)\.conv(\d)\.norm", r"pretrained.\1.bn\2"),
    (r"backbone\.(layer\d\.\d+)\.shortcut\.conv", r"pretrained.\1.downsample.0"),
    (r"backbone\.(layer\d\.\d+)\.shortcut\.norm", r"pretrained.\1.downsample.1"),
)
_BRANCHES = ("a", "b1", "b2")
_WIDE_RESNET38: _Rules = (
    (r"backbone\.stem", "conv1a"),
    (r"backbone\.norm", "bn7"),
    (r"backbone\.layer(\d)\.0\.", r"b\1."),
    (r"backbone\.layer(\d)\.(\d)\.", r"b\1_\2."),
    (r"backbone\.layer(\d)\.", r"b\1."),
    (r"(b\d\w*)\.norm(\d)", lambda match: f"{match[1]}.bn_branch2{_BRANCHES[int(match[2]) - 1]}"),
    (r"(b\d\w*)\.conv(\d)", lambda match: f"{match[1]}.conv_branch2{_BRANCHES[int(match[2]) - 1]}"),
    (r"(b\d\w*)\.shortcut", r"\1.conv_branch1"),
)
_MIX_TRANSFORMER: _Rules = (
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
_PSPNET: _Rules = (
    (r"head\.pyramid\.(\d)", _counted("head.psp.conv")),
    (r"head\.conv\.", "head.block."),
    (r"head\.tail\.classifier", "head.classifier"),
)
_DEEPLABV3: _Rules = (
    (r"head\.point", "head.aspp.b0"),
    (r"head\.atrous\.(\d)", _counted("head.aspp.b", ".block")),
    (r"head\.pooled\.conv", "head.aspp.b4.gap.1"),
    (r"head\.pooled\.norm", "head.aspp.b4.gap.2"),
    (r"head\.project", "head.aspp.project"),
    (r"head\.tail\.body\.conv", "head.block"),
    (r"head\.tail\.classifier", "head.block.4"),
)
_SSSS: _Rules = (
    (r"head\.aspp\.atrous\.(\d)", lambda match: f"aspp.aspp{int(match[1]) + 2}"),
    (r"head\.aspp\.point", "aspp.aspp1"),
    (r"head\.aspp\.pooled\.conv", "aspp.global_avg_pool.1"),
    (r"head\.aspp\.pooled\.norm", "aspp.global_avg_pool.2"),
    (r"head\.aspp\.project\.conv", "aspp.conv1"),
    (r"head\.aspp\.project\.norm", "aspp.bn1"),
    (r"(aspp\.aspp\d)\.conv", r"\1.atrous_conv"),
    (r"(aspp\.aspp\d)\.norm", r"\1.bn"),
    (r"head\.skip", "fc8_skip"),
    (r"head\.merge", "fc8_x"),
    (r"head\.injection\.cues", "shallow_mask.fc_deep"),
    (r"head\.injection\.out", "shallow_mask.fc_cls"),
    (r"head\.injection\.(?=conv|norm)", "shallow_mask.fc_skip."),
    (r"head\.tail\.body\.conv1\.conv", "last_conv.0"),
    (r"head\.tail\.body\.conv1\.norm", "last_conv.1"),
    (r"head\.tail\.body\.conv2\.conv", "last_conv.4"),
    (r"head\.tail\.body\.conv2\.norm", "last_conv.5"),
    (r"head\.tail\.classifier\.foreground", "last_conv.8"),
    (r"(fc8_\w+|shallow_mask\.\w+)\.conv(?=\.\w+$)", r"\1.0"),
    (r"(fc8_\w+|shallow_mask\.\w+)\.norm(?=\.\w+$)", r"\1.1"),
)
_AUXILIARY: _Rules = (
    (r"auxiliary\.conv", "auxlayer.block"),
    (r"auxiliary\.classifier", "auxlayer.block.4"),
    (r"((?:head|auxlayer)\..+)\.conv(?=\.\w+$)", r"\1.0"),
    (r"((?:head|auxlayer)\..+)\.norm(?=\.\w+$)", r"\1.1"),
)
_SEGFORMER: _Rules = (
    (r"head\.linear\.(\d)", _counted("linear_c", ".proj")),
    (r"head\.fuse", "linear_fuse.0"),
    (r"head\.norm", "linear_fuse.1"),
    (r"head\.tail\.classifier", "linear_pred"),
)
