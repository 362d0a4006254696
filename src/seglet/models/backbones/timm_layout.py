"""Backbones in timm's layout, read without that library: `config.json` and `model.safetensors`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from seglet import files
from seglet.models.backbones.base import Backbone
from seglet.models.backbones.described import KnownShape, family_of, shape_values
from seglet.models.backbones.matching import MatchedWeights, match_weights
from seglet.models.backbones.sources import BackboneSource
from seglet.models.backbones.timm_variants import TIMM_FAMILIES, timm_shape
from seglet.models.backbones.variants import EFFICIENTNET_LITES, RESNETS
from seglet.models.foundation.hub import find_present_file, locate_model
from seglet.models.foundation.model_folder import ModelLayout, check_safetensors, describe_folder, weight_files
from seglet.models.io.checkpoints import read_tensors
from seglet.models.layers.normalise import IMAGENET_MEAN, IMAGENET_STD, ChannelValues

_LAYOUT = ModelLayout("a backbone of timm's", "config.json", (), ("model",))

_SPARE = ("fc.", "head.", "classifier.", "conv_head.", "norm_head.")
"""Parts of an image model that no segmenter uses; EfficientNet has a norm `bn2` besides."""

_HARMLESS = ("num_classes", "in_chans", "global_pool", "drop_rate", "drop_path_rate", "num_features")
"""Keys of `model_args` that change nothing of a backbone, or only shapes, which are compared."""

_OWN: Mapping[str, KnownShape] = {**EFFICIENTNET_LITES, **RESNETS}
"""Backbones of ours by name that some networks of timm's are."""

_LICENCES = {"apache-2.0": "Apache-2.0", "mit": "MIT", "bsd-3-clause": "BSD-3-Clause", "cc-by-nc-4.0": "CC-BY-NC-4.0"}


@dataclass(frozen=True)
class TimmDescription:
    """A network as timm's `config.json` describes it: architecture, images it was trained on, and licence."""

    architecture: str
    mean: ChannelValues = IMAGENET_MEAN
    std: ChannelValues = IMAGENET_STD
    licence: str = ""


def open_timm(place: str, weights: bool = True) -> BackboneSource:
    """Describes a backbone in timm's layout.

    Args:
        place: a folder, an id of the hub, with `@REVISION` behind it for a branch, tag or commit, or a name of timm's
            such as resnet18.a1_in1k, which stands for timm/resnet18.a1_in1k.
        weights: whether its weights are wanted too; without them nothing is downloaded.

    Raises:
        ValueError: it is not available, incomplete, or no network that is known here.
    """
    given = files.expand_home(place)
    if given.is_dir():
        folder = given
    elif not weights:
        return timm_source(place, TimmDescription(_architecture(place)), None)
    else:
        name, _, revision = place.partition("@")
        _known_shape(_architecture(place), place)
        folder, _ = locate_model(_repository(name), "backbone", _LAYOUT, revision or None)
    description = read_description(folder)
    if not weights:
        return timm_source(place, description, None)
    paths = weight_files(folder, "model")
    for path in paths:
        if not path.is_file():
            raise ValueError(f"{folder} lacks {path.name}: half a download? download or copy it again")
        check_safetensors(path)
    return timm_source(place, description, paths[0])


def open_timm_file(place: str, file: Path) -> BackboneSource:
    """Describes a backbone whose weights are in a file with timm's names, as torchvision's ResNets are, too.

    Args:
        place: a name of timm's, or of one of our ResNets, whose stem the file decides.
        file: of any kind that `read_tensors` reads; a `config.json` beside it says how images are normalised,
            otherwise as ImageNet's are.

    Raises:
        ValueError: the file cannot be read, or the network is not known here.
    """
    architecture = _architecture(place)
    if architecture in RESNETS:
        architecture += _stem_letter(read_tensors(file), file)
    beside = file.suffix == ".safetensors" and (file.parent / _LAYOUT.description).is_file()
    known = read_description(file.parent) if beside else TimmDescription(architecture)
    source = timm_source(place, replace(known, architecture=architecture), file)
    return replace(source, name=str(file))


def describe_downloaded(place: str) -> TimmDescription | None:
    """Reads the description of a backbone that is on this machine; None if it is not, or not readable."""
    source = place if files.expand_home(place).is_dir() else _repository(place)
    file = find_present_file(source, _LAYOUT.description)
    try:
        return None if file is None else read_description(file.parent)
    except ValueError:
        return None


def _repository(name: str) -> str:
    """Returns the id on the hub of weights of timm's."""
    return name if "/" in name else f"timm/{name}"


def _architecture(place: str) -> str:
    """Returns the name of an architecture from that of its weights: resnet18 of timm/resnet18.a1_in1k."""
    return re.split(r"[.@]", place.rpartition("/")[2])[0]


def _stem_letter(tensors: Mapping[str, Tensor], file: Path) -> str:
    """Returns timm's letter for the stem of a ResNet's weights."""
    if "conv1.weight" in tensors and tensors["conv1.weight"].shape[-1] == 7:
        return ""
    first, shortcut = tensors.get("conv1.0.weight"), tensors.get("layer2.0.downsample.1.weight")
    if first is None:
        raise ValueError(
            f"{file} holds no ResNet with the names of timm or torchvision; `seglet convert` reads CIRKD's and others, "
            "and `student_weights` takes what it writes"
        )
    if shortcut is not None and shortcut.ndim == 4:
        return "t" if first.shape[0] == 24 else "d"
    return "s" if first.shape[0] == 64 else "c"


def timm_source(place: str, description: TimmDescription, file: Path | None) -> BackboneSource:
    """Describes a backbone whose architecture is known, and whose weights are in a file, if there is one.

    Raises:
        ValueError: no such architecture is known here.
    """
    shape = _known_shape(description.architecture, place)
    read = partial(_read, file=file, source=f"timm:{place}")
    own = next((name for name, known in _OWN.items() if known == shape), "")
    backbone, values = (own, None) if own else (family_of(shape), shape_values(shape))
    name = f"timm:{place}"
    return BackboneSource(name, backbone, values, description.mean, description.std, read, description.licence)


def read_description(folder: Path) -> TimmDescription:
    """Reads `config.json` of a folder in timm's layout.

    Raises:
        ValueError: there is none, or it describes another kind of model or one with options that are not read here.
    """
    path = folder / _LAYOUT.description
    content = files.read_json(path) if path.is_file() else None
    if not isinstance(content, dict) or "architecture" not in content or "pretrained_cfg" not in content:
        raise ValueError(
            f"{folder} is not {_LAYOUT.what}: it is {describe_folder(folder)}; give the folder or id of one, or "
            "hf: and the folder for a model of transformers"
        )
    if odd := sorted(set(content.get("model_args") or {}) - set(_HARMLESS)):
        raise ValueError(
            f"{folder} was built with options of timm's that are not read here: {', '.join(odd)}; take the weights of "
            "an unchanged architecture"
        )
    trained: Mapping[str, Any] = content["pretrained_cfg"]
    licence = str(trained.get("license") or "")
    return TimmDescription(
        str(content["architecture"]),
        _three(trained.get("mean"), IMAGENET_MEAN),
        _three(trained.get("std"), IMAGENET_STD),
        _LICENCES.get(licence, licence),
    )


def _known_shape(architecture: str, place: str) -> KnownShape:
    shape = timm_shape(architecture)
    if shape is None:
        known = "; ".join(TIMM_FAMILIES.values())
        raise ValueError(f"timm:{place}: no backbone {architecture!r} of timm's is known here; known are {known}")
    return shape


def _read(backbone: Backbone, file: Path | None, source: str) -> MatchedWeights:
    if file is None:
        raise ValueError(f"{source} was described without its weights")
    return match_timm(backbone, read_tensors(file), source)


def match_timm(backbone: Backbone, tensors: Mapping[str, Tensor], source: str) -> MatchedWeights:
    """Matches tensors with timm's names with those of a backbone; all but those of the classifier have to be there.

    Linear layers may be 1x1 convolutions in the file, and counters of old batch norms may be missing.

    Raises:
        ValueError: a tensor is missing, has another shape, or belongs to no known layer.
    """
    from seglet.models.backbones.efficientnet import EfficientNet
    from seglet.models.backbones.weight_names import timm_names

    own, names = backbone.state_dict(), timm_names(backbone)
    given = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}
    for ours, theirs in names.items():
        if theirs.endswith("num_batches_tracked"):
            given.setdefault(theirs, torch.zeros_like(own[ours]))
        elif theirs in given and _sides(given[theirs]) == _sides(own[ours]):
            given[theirs] = given[theirs].reshape(own[ours].shape)
    spare = (*_SPARE, "bn2.") if isinstance(backbone, EfficientNet) else _SPARE
    return match_weights(own, given, names, spare, source)


def _sides(tensor: Tensor) -> list[int]:
    return [side for side in tensor.shape if side != 1]


def _three(values: Any, default: ChannelValues) -> ChannelValues:
    if values is None:
        return default
    red, green, blue = (float(value) for value in values)
    return red, green, blue
