"""Mix Transformers in the layout of transformers, as weights of our own network."""

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from seglet.models.backbones.base import Backbone
from seglet.models.backbones.matching import MatchedWeights, match_weights
from seglet.models.backbones.variants import MIX_TRANSFORMERS

_HEADS = (1, 2, 5, 8)
_SPARE = ("classifier.", "decode_head.")

_LAYERS = {
    "patches.conv": "patch_embeddings.{stage}.proj",
    "patches.norm": "patch_embeddings.{stage}.layer_norm",
    "norm": "layer_norm.{stage}",
    "norm1": "block.{stage}.{block}.layer_norm_1",
    "norm2": "block.{stage}.{block}.layer_norm_2",
    "attention.query": "block.{stage}.{block}.attention.self.query",
    "attention.key_value": "block.{stage}.{block}.attention.self.key_value",
    "attention.out": "block.{stage}.{block}.attention.output.dense",
    "attention.reduction.conv": "block.{stage}.{block}.attention.self.sr",
    "attention.reduction.norm": "block.{stage}.{block}.attention.self.layer_norm",
    "feed_forward.widen": "block.{stage}.{block}.mlp.dense1",
    "feed_forward.depthwise": "block.{stage}.{block}.mlp.dwconv.dwconv",
    "feed_forward.narrow": "block.{stage}.{block}.mlp.dense2",
}
"""Our names of a stage's layers, and those of transformers."""


def mix_transformer_name(config: Mapping[str, Any], source: str) -> str:
    """Returns our name of the Mix Transformer that transformers' description is of.

    Raises:
        ValueError: it has none of the published sizes.
    """
    sizes, depths = tuple(config.get("hidden_sizes", ())), tuple(config.get("depths", ()))
    for name, shape in MIX_TRANSFORMERS.items():
        if (tuple(heads * shape.head_channels for heads in _HEADS), shape.depths) == (sizes, depths):
            return name
    known = ", ".join(MIX_TRANSFORMERS)
    raise ValueError(f"{source} is a Mix Transformer of channels {sizes} and depths {depths}; only {known} are read")


def read_mix_transformer(backbone: Backbone, tensors: Mapping[str, Tensor], source: str) -> MatchedWeights:
    """Matches tensors of transformers, of a classifier or of a SegFormer, with a Mix Transformer of ours.

    Raises:
        ValueError: see `match_weights`.
    """
    given = {re.sub(r"^(segformer\.)?encoder\.", "", name): tensor for name, tensor in tensors.items()}
    for name in [name for name in given if ".self.key." in name]:
        value = given.pop(name.replace(".key.", ".value."), None)
        if value is not None:
            given[name.replace(".key.", ".key_value.")] = torch.cat((given.pop(name), value))
    own = backbone.pretrained_state()
    return match_weights(own, given, {name: _their_name(name) for name in own}, _SPARE, source)


def _their_name(name: str) -> str:
    layer, _, tensor = name.removeprefix("parts.").rpartition(".")
    stage, _, part = layer.partition(".")
    if part.startswith("blocks."):
        _, block, inner = part.split(".", 2)
        return f"{_LAYERS[inner].format(stage=stage, block=block)}.{tensor}"
    return f"{_LAYERS[part].format(stage=stage)}.{tensor}"
