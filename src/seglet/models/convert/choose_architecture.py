"""Choice of the architecture that the weights of a foreign checkpoint go into."""

from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from seglet.models.architecture import NETWORK_NAMES, Architecture
from seglet.models.backbones.described import shape_values
from seglet.models.backbones.variants import RESNETS
from seglet.models.convert.conversion import with_authors_input, with_cirkd_input
from seglet.models.convert.identify import identify_architecture


def choose_architecture(
    tensors: Mapping[str, Tensor], name: str | None, input_convention: str, classes: int
) -> Architecture:
    """Returns the architecture that is given, or that of the file, with its input convention.

    Raises:
        ValueError: neither is known, or the file has another number of classes.
    """
    found = identify_architecture(tensors)
    if found and name not in (None, found[0].name):
        raise ValueError(f"the file holds a {found[0].name}, not a {name}; leave --architecture out")
    if found and found[1] != classes:
        raise ValueError(f"the file was trained with {found[1]} classes, --classes names {classes}; name as many")
    if name is None and found is None:
        raise ValueError(
            f"the file does not show its architecture; give --architecture, one of {', '.join(NETWORK_NAMES)}"
        )
    if found and input_convention == "auto":
        return with_authors_input(found[0])
    architecture = Architecture(found[0].name if found else name or NETWORK_NAMES[0])
    if not found:
        architecture = _with_its_stem(architecture, tensors)
    return with_cirkd_input(architecture) if input_convention == "cirkd" else architecture


def _with_its_stem(architecture: Architecture, tensors: Mapping[str, Tensor]) -> Architecture:
    """Returns the same network on a ResNet with a plain stem if the file has one, as torchvision's have."""
    stem = tensors.get("conv1.weight")
    if architecture.backbone not in RESNETS or stem is None or stem.shape[-1] != 7:
        return architecture
    shape = replace(RESNETS[architecture.backbone], stem=(stem.shape[0],))
    return replace(architecture, name=f"{architecture.head}-resnet", shape=shape_values(shape))
