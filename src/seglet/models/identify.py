"""Which of our networks a foreign checkpoint was trained with, read off its names and shapes."""

from collections.abc import Mapping

from torch import Tensor

from seglet.models import mit, resnet
from seglet.models.architecture import Architecture

CLASSIFIERS = {
    "head.aspp.b0.0.weight": ("deeplabv3", "head.block.4.weight"),
    "head.psp.conv1.0.weight": ("pspnet", "head.classifier.weight"),
    "linear_fuse.0.weight": ("segformer", "linear_pred.weight"),
}
"""A tensor that only one kind of head has, the head, and its classifier."""


def identify(tensors: Mapping[str, Tensor]) -> tuple[Architecture, int] | None:
    """The architecture (of usual width and input convention) and the number of classes; None if it is none of ours."""
    for sign, (head, classifier) in CLASSIFIERS.items():
        if sign in tensors and classifier in tensors:
            backbone = _transformer(tensors) if head == "segformer" else _resnet(tensors)
            return (Architecture(f"{head}-{backbone}"), tensors[classifier].shape[0]) if backbone else None
    return None


def _resnet(tensors: Mapping[str, Tensor]) -> str | None:
    depths = tuple(_count(tensors, f"pretrained.layer{i}.", 2) for i in range(1, 5))
    bottleneck = "pretrained.layer1.0.conv3.weight" in tensors
    fitting = [
        name
        for name, (block, known) in resnet.VARIANTS.items()
        if known == depths and (block.expansion > 1) == bottleneck
    ]
    return fitting[0] if fitting else None


def _transformer(tensors: Mapping[str, Tensor]) -> str | None:
    depths = tuple(_count(tensors, f"block{i}.", 1) for i in range(1, 5))
    channels = tensors["norm1.weight"].shape[0] if "norm1.weight" in tensors else 0
    fitting = [name for name, known in mit.VARIANTS.items() if known == (channels, depths)]
    return fitting[0] if fitting else None


def _count(tensors: Mapping[str, Tensor], prefix: str, position: int) -> int:
    """How many different words stand at `position` of the dotted names that begin with `prefix`."""
    return len({name.split(".")[position] for name in tensors if name.startswith(prefix)})
