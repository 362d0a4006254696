"""What CIRKD, Af-DCD, SegFormer, SSSS and DGKD-WLSS call the tensors of our networks."""

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

Rule = tuple[str, str | Callable[[re.Match[str]], str]]
Rules = tuple[Rule, ...]


def official_name(name: str, network: Network) -> str:
    """The published name of one of `network`'s tensors; ResNet backbones carry the prefix `pretrained.`.

    DeepLabV2's head keeps our names: the networks it was published with are none of ours.
    """
    backbones: dict[type, Rules] = {ResNet: RESNET, MixTransformer: TRANSFORMER, WideResNet38: WIDE_RESNET38}
    heads: dict[type, Rules] = {
        SegFormerHead: SEGFORMER,
        PSPHead: PSPNET,
        DeepLabV3Head: DEEPLABV3,
        SSSSHead: SSSS,
    }
    rules = (*backbones.get(type(network.backbone), ()), *heads.get(type(network.head), ()), *AUXILIARY)
    for pattern, replacement in rules:
        name = re.sub(f"^{pattern}", replacement, name)
    return name


def dgkd_name(name: str, network: Network) -> str:
    """The same in DGKD-WLSS, which puts SSSS's backbone and head into two parts."""
    part = "backbone" if name.startswith("backbone.") else "classifier"
    return f"{part}.{official_name(name, network)}"


def is_constant(name: str) -> bool:
    """Whether a published tensor holds a constant of PAMR and no weight."""
    return re.fullmatch(r"(classifier\.)?_aff\.aff_(x|m|std)\.kernel", name) is not None


def is_of_training(name: str) -> bool:
    """Whether a tensor of DGKD-WLSS served its training and does not take part in a prediction."""
    return name.startswith(("_criterion_kd", "classifier.feat.", "classifier.feat2."))


def is_of_depth(name: str) -> bool:
    """Whether a tensor of DGKD-WLSS belongs to its depth branch (DGF2)."""
    return name.startswith(("backbone.CondNet.", "backbone.sft"))


def _counted(before: str, after: str = "") -> Callable[[re.Match[str]], str]:
    """Our lists count from 0, the published attributes from 1."""
    return lambda match: f"{before}{int(match[1]) + 1}{after}"


RESNET: Rules = (
    (r"backbone\.stem\.(\d)\.conv", _counted("pretrained.conv")),
    (r"backbone\.stem\.(\d)\.norm", _counted("pretrained.bn")),
    (r"backbone\.(layer\d\.\d+)\.conv(\d)\.conv", r"pretrained.\1.conv\2"),
    (r"backbone\.(layer\d\.\d+)\.conv(\d)\.norm", r"pretrained.\1.bn\2"),
    (r"backbone\.(layer\d\.\d+)\.shortcut\.conv", r"pretrained.\1.downsample.0"),
    (r"backbone\.(layer\d\.\d+)\.shortcut\.norm", r"pretrained.\1.downsample.1"),
)
PLACES = ("a", "b1", "b2")
WIDE_RESNET38: Rules = (
    (r"backbone\.stem", "conv1a"),
    (r"backbone\.norm", "bn7"),
    (r"backbone\.layer(\d)\.0\.", r"b\1."),
    (r"backbone\.layer(\d)\.(\d)\.", r"b\1_\2."),
    (r"backbone\.layer(\d)\.", r"b\1."),
    (r"(b\d\w*)\.norm(\d)", lambda match: f"{match[1]}.bn_branch2{PLACES[int(match[2]) - 1]}"),
    (r"(b\d\w*)\.conv(\d)", lambda match: f"{match[1]}.conv_branch2{PLACES[int(match[2]) - 1]}"),
    (r"(b\d\w*)\.shortcut", r"\1.conv_branch1"),
)
TRANSFORMER: Rules = (
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
PSPNET: Rules = (
    (r"head\.pyramid\.(\d)", _counted("head.psp.conv")),
    (r"head\.conv\.", "head.block."),
    (r"head\.tail\.classifier", "head.classifier"),
)
DEEPLABV3: Rules = (
    (r"head\.point", "head.aspp.b0"),
    (r"head\.atrous\.(\d)", _counted("head.aspp.b", ".block")),
    (r"head\.pooled\.conv", "head.aspp.b4.gap.1"),
    (r"head\.pooled\.norm", "head.aspp.b4.gap.2"),
    (r"head\.project", "head.aspp.project"),
    (r"head\.tail\.body\.conv", "head.block"),
    (r"head\.tail\.classifier", "head.block.4"),
)
SSSS: Rules = (
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
AUXILIARY: Rules = (
    (r"auxiliary\.conv", "auxlayer.block"),
    (r"auxiliary\.classifier", "auxlayer.block.4"),
    (r"((?:head|auxlayer)\..+)\.conv(?=\.\w+$)", r"\1.0"),
    (r"((?:head|auxlayer)\..+)\.norm(?=\.\w+$)", r"\1.1"),
)
SEGFORMER: Rules = (
    (r"head\.linear\.(\d)", _counted("linear_c", ".proj")),
    (r"head\.fuse", "linear_fuse.0"),
    (r"head\.norm", "linear_fuse.1"),
    (r"head\.tail\.classifier", "linear_pred"),
)
