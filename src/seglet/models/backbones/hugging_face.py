"""Backbones in the layout of transformers, whose code runs only where seglet has no network of its own."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from seglet import files
from seglet.models.backbones.base import Backbone
from seglet.models.backbones.hub_mit import mix_transformer_name, read_mix_transformer
from seglet.models.backbones.hub_vit import PLAIN_TRANSFORMERS, plain_transformer_shape, read_plain_transformer
from seglet.models.backbones.matching import MatchedWeights
from seglet.models.backbones.published import hub_licence
from seglet.models.backbones.sources import BackboneSource
from seglet.models.foundation.auto_backbone import (
    auto_backbone_types,
    describe_auto_backbone,
    read_auto_backbone,
)
from seglet.models.foundation.hub import ModelFiles, locate_model
from seglet.models.foundation.image_input import authors_normalisation, read_preprocessing
from seglet.models.foundation.model_folder import ModelLayout, check_model_folder, weight_files
from seglet.models.layers.normalise import IMAGENET_MEAN, IMAGENET_STD, ChannelValues

_MIX_TRANSFORMER = "segformer"
_OWN = (*PLAIN_TRANSFORMERS, _MIX_TRANSFORMER)
"""Types of transformers' models that seglet has networks for."""

_LEFT_OVER = ("classifier", "pooler", "layernorm", "layer_norm", "norm", "head", "fc", "decode_head", "mask_token")
"""Parts of an image model behind its last stage, or of its training."""

_Reader = Callable[[Backbone, Mapping[str, Tensor], str], MatchedWeights]


def open_hugging_face(place: str, weights: bool = True) -> BackboneSource:
    """Describes a backbone in transformers' layout.

    Args:
        place: a folder, or an id of the hub, with `@REVISION` behind it for a branch, tag or commit.
        weights: whether its weights are wanted too.

    Raises:
        ValueError: it is not available, incomplete, or of a type that is not read here.
    """
    given, _, revision = (place, "", "") if files.expand_home(place).is_dir() else place.partition("@")
    found = _find(given, revision or None, weights)
    config = found.description
    normalise = authors_normalisation(read_preprocessing(found.folder), IMAGENET_MEAN, IMAGENET_STD)
    mean, std = (_three(buffer) for buffer in (normalise.mean, normalise.std))
    name, shape, read = _known(config, found, place)
    return BackboneSource(f"hf:{place}", name, shape, mean, std, read, hub_licence(given))


def _find(given: str, revision: str | None, weights: bool) -> ModelFiles:
    wanted = ModelLayout("an image backbone", "config.json", _OWN, ("model",) if weights else ())
    folder, repository = locate_model(given, "backbone", wanted, revision)
    described = files.read_json(folder / "config.json") if (folder / "config.json").is_file() else {}
    if described and described.get("model_type") not in _OWN:
        wanted = replace(wanted, types=(*_OWN, *auto_backbone_types()))
    return ModelFiles(folder, wanted, check_model_folder(folder, wanted), repository)


def _known(
    config: Mapping[str, Any], found: ModelFiles, place: str
) -> tuple[str, Mapping[str, Any] | None, Callable[[Backbone], MatchedWeights]]:
    """Returns our name of a backbone or its family, its shape, and the reader of its weights."""
    kind = config["model_type"]
    if kind == _MIX_TRANSFORMER:
        return mix_transformer_name(config, place), None, partial(_read, read_mix_transformer, found.folder, place)
    if kind in PLAIN_TRANSFORMERS:
        shape = plain_transformer_shape(config, place)
        return "vit", shape, partial(_read, read_plain_transformer, found.folder, place)
    described = describe_auto_backbone(config)
    return "hf", described, partial(_read_library, found.folder, described)


def _read(reader: _Reader, folder: Path, place: str, backbone: Backbone) -> MatchedWeights:
    matched = reader(backbone, _read_tensors(weight_files(folder, "model")), place)
    return MatchedWeights({name: tensor.float() for name, tensor in matched.weights.items()}, matched.unused)


def _read_library(folder: Path, described: Mapping[str, Any], backbone: Backbone) -> MatchedWeights:
    read = read_auto_backbone(folder, described["config"])
    strange = [name for name in read.unused if not set(_LEFT_OVER) & set(name.split("."))]
    own = backbone.pretrained_state()
    weights = {f"model.{name}": tensor for name, tensor in read.weights.items() if f"model.{name}" in own}
    if strange:
        raise ValueError(
            f"{folder} holds {len(strange)} tensors of layers that this network does not have, such as {strange[0]!r}"
        )
    return MatchedWeights(weights, read.unused)


def _read_tensors(files: list[Path]) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for file in files:
        try:
            found |= load_file(file)
        except (OSError, SafetensorError) as error:
            raise ValueError(f"{file} cannot be read as safetensors: {error}; download it again") from error
    return found


def _three(buffer: Tensor) -> ChannelValues:
    red, green, blue = buffer.flatten().tolist()
    return red, green, blue
