"""Pretrained weights of vision transformers: CLIP's image encoder, or a file that timm wrote."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from seglet.models.backbones.vit import VisionTransformer
from seglet.models.foundation.clip import CLIP_LAYOUT
from seglet.models.foundation.hub import find_model
from seglet.models.foundation.image_input import CLIP_MEAN, CLIP_STD, authors_normalisation, read_preprocessing
from seglet.models.foundation.model_folder import weight_files
from seglet.models.layers.normalise import ChannelValues

_OUTER = {
    "whole.weight": ("embeddings.class_embedding", "cls_token"),
    "positions.weight": ("embeddings.position_embedding.weight", "pos_embed"),
    "patches.weight": ("embeddings.patch_embedding.weight", "patch_embed.proj.weight"),
    "patches.bias": ("", "patch_embed.proj.bias"),
    "first_norm.weight": ("pre_layrnorm.weight", ""),
    "first_norm.bias": ("pre_layrnorm.bias", ""),
}
_INNER = {
    "norm1": ("layer_norm1", "norm1"),
    "norm2": ("layer_norm2", "norm2"),
    "attention.out": ("self_attn.out_proj", "attn.proj"),
    "perceptron.0": ("mlp.fc1", "mlp.fc1"),
    "perceptron.2": ("mlp.fc2", "mlp.fc2"),
}
"""Our names of layers, and those in transformers and timm."""

_FLAT = ("whole.weight", "positions.weight")
"""Embeddings, which are stored with one axis more or less."""

_TIMM_MEAN: ChannelValues = (0.5, 0.5, 0.5)
"""Mean and deviation of the images of timm's `vit_base_patch16_224.augreg_in21k`."""


@dataclass(frozen=True)
class PretrainedWeights:
    """Weights by our names, as far as there are any, and the input convention that they expect."""

    weights: Mapping[str, Tensor]
    mean: ChannelValues
    std: ChannelValues


def pretrained_weights(source: str, backbone: VisionTransformer) -> PretrainedWeights:
    """Reads weights from a `.safetensors` file with timm's names, or from a CLIP model (folder, hub id or name).

    Norms of the taps are ours and start as the identity; the last norm of either network is not read.

    Raises:
        ValueError: the model is not available, or its image encoder is of another shape.
    """
    if source.endswith(".safetensors"):
        return _timm(Path(source), backbone)
    folder = find_model(source, "clip", CLIP_LAYOUT).folder
    given = _tensors(weight_files(folder, CLIP_LAYOUT.weights[0]), "vision_model.")
    normalise = authors_normalisation(read_preprocessing(folder), CLIP_MEAN, CLIP_STD)
    mean, std = (_three(buffer) for buffer in (normalise.mean, normalise.std))
    return PretrainedWeights(_named(given, backbone, 0, source), mean, std)


def _timm(file: Path, backbone: VisionTransformer) -> PretrainedWeights:
    return PretrainedWeights(_named(_tensors([file]), backbone, 1, str(file)), _TIMM_MEAN, _TIMM_MEAN)


def _tensors(paths: Iterable[Path], prefix: str = "") -> dict[str, Tensor]:
    """Reads the tensors of files whose names have a prefix, and removes it; CLIP is read without its library."""
    found: dict[str, Tensor] = {}
    for path in paths:
        try:
            found |= load_file(path)
        except (OSError, SafetensorError) as error:
            raise ValueError(f"{path} cannot be read as safetensors: {error}; download it again") from error
    return {name.removeprefix(prefix): tensor for name, tensor in found.items() if name.startswith(prefix)}


def _named(given: Mapping[str, Tensor], backbone: VisionTransformer, whose: int, source: str) -> dict[str, Tensor]:
    mine = backbone.state_dict()
    found: dict[str, Tensor] = {}
    try:
        for name, names in _OUTER.items():
            if name in mine:
                tensor = given[names[whose]]
                found[name] = tensor.reshape(-1, tensor.shape[-1]) if name in _FLAT else tensor
        for number in range(backbone.shape.depth):
            found |= _block(given, f"{('encoder.layers', 'blocks')[whose]}.{number}", number, whose)
    except KeyError as error:
        raise ValueError(_misfit(source, f"it has no {error}")) from error
    wrong = [name for name, tensor in found.items() if name not in mine or tensor.shape != mine[name].shape]
    if wrong:
        shape = tuple(mine[wrong[0]].shape) if wrong[0] in mine else "not there"
        raise ValueError(_misfit(source, f"{wrong[0]} is {tuple(found[wrong[0]].shape)} there and {shape} here"))
    return {name: tensor.float() for name, tensor in found.items()}


def _block(given: Mapping[str, Tensor], theirs: str, number: int, whose: int) -> dict[str, Tensor]:
    found = {}
    for kind in ("weight", "bias"):
        for name, names in _INNER.items():
            found[f"blocks.{number}.{name}.{kind}"] = given[f"{theirs}.{names[whose]}.{kind}"]
        if whose == 0:
            parts = [given[f"{theirs}.self_attn.{part}_proj.{kind}"] for part in "qkv"]
            joined = torch.cat(parts)
        else:
            joined = given[f"{theirs}.attn.qkv.{kind}"]
        found[f"blocks.{number}.attention.query_key_value.{kind}"] = joined
    return found


def _misfit(source: str, why: str) -> str:
    return (
        f"{source} does not fit this backbone: {why}; clip_b16, clip_b32, clip_l14 and clip_tiny take CLIP models of "
        "their size at width 1, vit_b16 takes timm's vit_base_patch16_224"
    )


def _three(buffer: Tensor) -> ChannelValues:
    red, green, blue = buffer.flatten().tolist()
    return red, green, blue
