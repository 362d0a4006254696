"""Which of our networks a foreign checkpoint was trained with, read off its names and shapes."""

from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from seglet.models.architecture import Architecture
from seglet.models.backbones.variants import MIX_TRANSFORMERS, RESNETS, WIDE_RESNETS
from seglet.models.convert.key_maps import is_of_depth

SSSS = ("aspp.aspp1.atrous_conv.weight", "last_conv.8.weight")
"""A tensor that only SSSS's head has, and its classifier, which does not count the background."""

CLASSIFIERS = {
    "head.aspp.b0.0.weight": ("deeplabv3", "head.block.4.weight"),
    "head.psp.conv1.0.weight": ("pspnet", "head.classifier.weight"),
    "linear_fuse.0.weight": ("segformer", "linear_pred.weight"),
}
"""A tensor that only one kind of head has, the head, and its classifier."""


def identify(tensors: Mapping[str, Tensor]) -> tuple[Architecture, int] | None:
    """The architecture (of usual width) and the number of classes; None if it is none of ours.

    The input convention is ImageNet's, save for students of DGKD-WLSS, whose authors' code undoes it by accident.
    """
    for part, backbone_part in (("", ""), ("classifier.", "backbone.")):
        if all(f"{part}{name}" in tensors for name in SSSS):
            found = _any_backbone(tensors, backbone_part)
            classes = tensors[f"{part}{SSSS[1]}"].shape[0] + 1
            return (with_usual_input(Architecture(f"ssss-{found}"), tensors), classes) if found else None
    for sign, (head, classifier) in CLASSIFIERS.items():
        if sign in tensors and classifier in tensors:
            backbone = _transformer(tensors) if head == "segformer" else _resnet(tensors)
            return (Architecture(f"{head}-{backbone}"), tensors[classifier].shape[0]) if backbone else None
    return None


def with_usual_input(architecture: Architecture, tensors: Mapping[str, Tensor]) -> Architecture:
    """Images as they are for a student of DGKD-WLSS, else the architecture itself."""
    if not any(is_of_depth(name) or name.startswith("_criterion_kd") for name in tensors):
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
    """How many different words follow `prefix` in the dotted names that begin with it."""
    return len({name.removeprefix(prefix).partition(".")[0] for name in tensors if name.startswith(prefix)})
