"""Loads weights of other code bases into our networks.

Understood are the checkpoints of CIRKD's first version (CVPR 2022), of Af-DCD, of SSSS and of DGKD-WLSS, ImageNet
backbones of the same families, and our own weights. Files are read as plain tensors; nothing in them is ever executed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from seglet.models.architecture import Architecture
from seglet.models.convert.key_maps import (
    dgkd_name,
    is_depth_tensor,
    is_pamr_constant,
    is_training_tensor,
    published_name,
)
from seglet.models.io.checkpoints import read_tensors
from seglet.models.layers.normalise import ChannelValues
from seglet.models.network import Network
from seglet.models.segmenter import Segmenter, build
from seglet.types import Classes

CIRKD_MEAN: ChannelValues = (104.00698793 / 255, 116.66876762 / 255, 122.67891434 / 255)
CIRKD_STD: ChannelValues = (1 / 255, 1 / 255, 1 / 255)
CIRKD_HEADS = ("deeplabv3", "pspnet", "segformer")
_HEAD_PREFIXES = (
    "head.",
    "auxlayer.",
    "linear_",
    "auxiliary.",
    "classifier.",
    "aspp.",
    "fc8_",
    "shallow_mask.",
    "last_conv.",
)
"""Prefixes of the published names of heads."""

_Shape = tuple[int, ...]


@dataclass(frozen=True)
class ConversionReport:
    """Report of a conversion. Names are those in the file, except `missing`, which the file should have had."""

    matched: tuple[str, ...]
    missing: tuple[str, ...]
    extra: tuple[str, ...]
    mismatched: tuple[tuple[str, _Shape, _Shape], ...]
    """Name, shape in the file, shape in the network."""
    notes: tuple[str, ...] = ()

    @property
    def backbone_only(self) -> bool:
        """True if the file has a whole backbone and nothing of the heads."""
        return bool(self.matched) and not any(name.startswith(_HEAD_PREFIXES) for name in self.matched)

    def summary(self) -> str:
        """Returns a readable summary: counts, the first few names of each kind, notes."""
        lines = [f"matched {len(self.matched)} tensors"]
        if self.missing:
            lines.append(f"missing in the file: {_some(self.missing)}")
        if self.extra:
            lines.append(f"not used: {_some(self.extra)}")
        wrong = [f"{name} is {found}, the network has {expected}" for name, found, expected in self.mismatched]
        return "\n".join([*lines, *([f"of another shape: {_some(wrong)}"] if wrong else []), *self.notes])


def load_foreign_weights(network: Network, tensors: Mapping[str, Tensor]) -> ConversionReport:
    """Copies a checkpoint or an ImageNet backbone into `network`; what the file lacks keeps its values.

    Raises:
        ValueError: a tensor has another shape, or no name is known; nothing is copied then.
    """
    names = _names_in_file(network, tensors)
    report = compare_weights(network, tensors)
    if report.mismatched or not report.matched:
        raise ValueError(f"these weights do not fit the network:\n{report.summary()}")
    own = network.state_dict()
    with torch.no_grad():
        for name, theirs in names.items():
            if theirs in tensors:
                own[name].copy_(tensors[theirs].view(own[name].shape))
    return report


def compare_weights(network: Network, tensors: Mapping[str, Tensor]) -> ConversionReport:
    """Compares the tensors of a file with those of a network; changes nothing."""
    names = _names_in_file(network, tensors)
    own = network.state_dict()
    shapes = {
        theirs: (_shape(tensors[theirs]), _shape(own[name])) for name, theirs in names.items() if theirs in tensors
    }
    wrong = tuple((name, *pair) for name, pair in shapes.items() if not _fits(*pair))
    matched = tuple(name for name, pair in shapes.items() if _fits(*pair))
    missing = tuple(name for name in names.values() if name not in tensors and not name.endswith("num_batches_tracked"))
    extra = tuple(name for name in tensors if name not in shapes and not is_pamr_constant(name))
    return ConversionReport(matched, missing, extra, wrong, (*_notes(tensors, wrong), *_leftovers(tensors)))


def convert_checkpoint(path: Path, architecture: Architecture, classes: Classes) -> tuple[Segmenter, ConversionReport]:
    """Builds a segmenter with the weights of a foreign file; see `load_foreign_weights` and `with_cirkd_input`."""
    segmenter = build(architecture, classes)
    return segmenter.eval(), load_foreign_weights(segmenter.network, read_tensors(path))


def with_cirkd_input(architecture: Architecture) -> Architecture:
    """Returns the same network with CIRKD's input convention: blue first, a mean subtracted, values in 0..255."""
    values: dict[str, Any] = {**architecture.as_dict(), "mean": CIRKD_MEAN, "std": CIRKD_STD, "bgr": True}
    return Architecture(**values)


def with_authors_input(architecture: Architecture) -> Architecture:
    """Returns an identified network with the input convention of the authors of its kind of network."""
    return with_cirkd_input(architecture) if architecture.head in CIRKD_HEADS else architecture


def _names_in_file(network: Network, tensors: Mapping[str, Tensor]) -> dict[str, str]:
    """Maps our names to those the file uses or should use."""
    own = network.state_dict()
    if any(name.startswith("classifier.") for name in tensors):
        return {name: dgkd_name(name, network) for name in own}
    if any(name.startswith("backbone.") for name in tensors):
        return {name: name for name in own}
    official = {name: published_name(name, network) for name in own}
    if any(name.startswith("pretrained.") for name in tensors):
        return official
    return {name: theirs.removeprefix("pretrained.") for name, theirs in official.items()}


def _fits(found: _Shape, expected: _Shape) -> bool:
    """Checks whether shapes agree; linear layers serve as 1x1 convolutions."""
    return found == expected or (*found, 1, 1) == expected


def _notes(tensors: Mapping[str, Tensor], wrong: tuple[tuple[str, _Shape, _Shape], ...]) -> tuple[str, ...]:
    notes = []
    names = {name for name, _, _ in wrong}
    if any(name.removeprefix("pretrained.") == "conv1.weight" and found[-1] == 7 for name, found, _ in wrong):
        notes.append(
            "this ResNet has a 7x7 stem (torchvision's), this network three 3x3 convolutions: `seglet convert` builds "
            "the one that fits"
        )
    if any(
        name.startswith("head.") and found[0] == 512 and expected[0] in (128, 256) for name, found, expected in wrong
    ):
        notes.append("heads 512 wide are CIRKD's second version (2025); only the first one's networks are known here")
    classifiers = [
        found[0] + name.endswith("last_conv.8.weight")  # SSSS's does not count the background
        for name, found, expected in wrong
        if found[1:] == expected[1:] and name.endswith(".weight")
    ]
    if classifiers and len(names) <= 4:
        notes.append(f"the file was trained with {classifiers[0]} classes; name as many")
    return tuple(notes)


def _leftovers(tensors: Mapping[str, Tensor]) -> tuple[str, ...]:
    """Explains the tensors of SSSS and DGKD-WLSS that have no place in a network."""
    counts = [sum(map(rule, tensors)) for rule in (is_pamr_constant, is_training_tensor, is_depth_tensor)]
    texts = (
        "{} constants of PAMR are no weights and were left out",
        "{} tensors only served the training of DGKD-WLSS and were left out",
        "{} tensors of the depth branch of DGKD-WLSS were left out: without it this network knows less than it did",
    )
    return tuple(text.format(count) for text, count in zip(texts, counts, strict=True) if count)


def _shape(tensor: Tensor) -> _Shape:
    return tuple(tensor.shape)


def _some(names: tuple[str, ...] | list[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
