"""Identifies the network that a foreign checkpoint belongs to by its names and shapes."""

from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from seglet.models.architecture import Architecture
from seglet.models.backbones.variants import MIX_TRANSFORMERS, RESNETS, WIDE_RESNETS
from seglet.models.convert.key_maps import is_depth_tensor

_SSSS = ("aspp.aspp1.atrous_conv.weight", "last_conv.8.weight")
"""Name of a tensor that only SSSS's head has, and of its classifier, which does not count the background."""

_CLASSIFIERS = {
    "head.aspp.b0.0.weight": ("deeplabv3", "head.block.4.weight"),
    "head.psp.conv1.0.weight": ("pspnet", "head.classifier.weight"),
    "linear_fuse.0.weight": ("segformer", "linear_pred.weight"),
}
"""By a tensor that only one kind of head has: the head, and its classifier."""


def identify_architecture(tensors: Mapping[str, Tensor]) -> tuple[Architecture, int] | None:
    """Identifies the architecture (of width 1) and the number of classes; None if it is none of ours.

    The input convention is ImageNet's, save for students of DGKD-WLSS, whose authors' code undoes it by accident.
    """
    for part, backbone_part in (("", ""), ("classifier.", "backbone.")):
        if all(f"{part}{name}" in tensors for name in _SSSS):
            found = _any_backbone(tensors, backbone_part)
            classes = tensors[f"{part}{_SSSS[1]}"].shape[0] + 1
            return (_with_own_input(Architecture(f"ssss-{found}"), tensors), classes) if found else None
    for sign, (head, classifier) in _CLASSIFIERS.items():
        if sign in tensors and classifier in tensors:
            backbone = _transformer(tensors) if head == "segformer" else _resnet(tensors)
            return (Architecture(f"{head}-{backbone}"), tensors[classifier].shape[0]) if backbone else None
    return None


def _with_own_input(architecture: Architecture, tensors: Mapping[str, Tensor]) -> Architecture:
    """Returns the architecture without normalisation for a student of DGKD-WLSS, otherwise unchanged."""
    if not any(is_depth_tensor(name) or name.startswith("_criterion_kd") for name in tensors):
        return architecture
    return replace(architecture, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))


def _any_backbone(tensors: Mapping[str, Tensor], part: str) -> str | None:
    if f"{part}b7.conv_branch2b2.weight" in tensors:
        return WIDE_RESNETS[0]
    return _transformer(tensors) or _resnet(tensors, part) or _resnet(tensors)


def _resnet(tensors: Mapping[str, Tensor], part: str = "pretrained.") -> str | None:
    depths = tuple(_count(tensors, f"{part}layer{i}.") for i in range(1, 5))
    bottleneck = f"{part}layer1.0.conv3.weight" in tensors
    fitting = [name for name, shape in RESNETS.items() if (shape.bottleneck, shape.depths) == (bottleneck, depths)]
    return fitting[0] if fitting else None


def _transformer(tensors: Mapping[str, Tensor]) -> str | None:
    depths = tuple(_count(tensors, f"block{i}.") for i in range(1, 5))
    channels = tensors["norm1.weight"].shape[0] if "norm1.weight" in tensors else 0
    fitting = [
        name for name, shape in MIX_TRANSFORMERS.items() if (shape.head_channels, shape.depths) == (channels, depths)
    ]
    return fitting[0] if fitting else None


def _count(tensors: Mapping[str, Tensor], prefix: str) -> int:
    """Counts the different words that follow `prefix` in dotted names."""
    return len({name.removeprefix(prefix).partition(".")[0] for name in tensors if name.startswith(prefix)})
