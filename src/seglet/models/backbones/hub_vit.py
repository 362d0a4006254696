"""Plain vision transformers in the layout of transformers, as weights of our own network."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from seglet.models.backbones.base import Backbone
from seglet.models.backbones.matching import MatchedWeights, match_weights

PLAIN_TRANSFORMERS = ("vit", "deit", "dinov2", "dinov2_with_registers", "dinov3_vit")
"""Types of transformers' models that are plain vision transformers, of the family `vit` here."""

_SPARE = ("classifier.", "cls_classifier.", "distillation_classifier.", "pooler.", "embeddings.mask_token")
"""Parts of an image model that no segmenter uses."""

_CLASS_PREFIXES = ("vit.", "deit.", "dinov2.", "dinov2_with_registers.", "model.")
"""Names of the backbone within a classifier."""

_Spelling = Mapping[str, tuple[str, ...]]
"""Our names of layers, and the spellings of transformers, oldest first."""

_BLOCK: _Spelling = {
    "norm1": ("layernorm_before", "norm1"),
    "norm2": ("layernorm_after", "norm2"),
    "attention.query": ("attention.attention.query", "attention.q_proj"),
    "attention.key": ("attention.attention.key", "attention.k_proj"),
    "attention.value": ("attention.attention.value", "attention.v_proj"),
    "attention.out": ("attention.output.dense", "attention.o_proj"),
    "perceptron.gate": ("mlp.gate_proj",),
    "perceptron.up": ("intermediate.dense", "mlp.fc1", "mlp.up_proj"),
    "perceptron.down": ("output.dense", "mlp.fc2", "mlp.weights_out", "mlp.down_proj"),
}
_OUTER: _Spelling = {"patches": ("embeddings.patch_embeddings.projection", "embeddings.patch_embeddings")}
_BLOCKS = ("encoder.layer.", "layer.", "layers.", "model.layer.")
_NORMS = ("layernorm", "norm")


def plain_transformer_shape(config: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Returns the `PlainTransformerShape` that transformers' description is of, as values of JSON.

    Raises:
        ValueError: its images are not square or have no three channels.
    """
    kind, channels = config["model_type"], int(config["hidden_size"])
    patch, side = _square(config.get("patch_size", 16), source), _square(config.get("image_size", 224), source)
    if config.get("num_channels", 3) != 3:
        raise ValueError(f"{source} takes images of {config['num_channels']} channels; only colour images are read")
    shape: dict[str, Any] = {
        "channels": channels,
        "heads": int(config["num_attention_heads"]),
        "depth": int(config["num_hidden_layers"]),
        "hidden": int(config.get("intermediate_size") or channels * config.get("mlp_ratio", 4)),
        "patch": patch,
        "side": side // patch,
        "activation": str(config.get("hidden_act", "gelu")),
        "eps": float(config.get("layer_norm_eps", 1e-12 if kind in ("vit", "deit") else 1e-6)),
        "biases": "qkvo" if config.get("qkv_bias", True) else "o",
    }
    return shape | _OWN_KEYS[kind](config, shape)


def _deit(config: Mapping[str, Any], shape: Mapping[str, Any]) -> dict[str, Any]:
    return {"tokens": 2}


def _dinov2(config: Mapping[str, Any], shape: Mapping[str, Any]) -> dict[str, Any]:
    own: dict[str, Any] = {"scale": float(config.get("layerscale_value", 1.0))}
    if config["model_type"] == "dinov2_with_registers":
        own |= {"registers": int(config.get("num_register_tokens", 4)), "smooth": True}
    if config.get("use_swiglu_ffn", False):
        own |= {"gated": True, "activation": "silu", "hidden": (int(shape["hidden"] * 2 / 3) + 7) // 8 * 8}
    return own


def _dinov3(config: Mapping[str, Any], shape: Mapping[str, Any]) -> dict[str, Any]:
    parts = {"q": "query_bias", "k": "key_bias", "v": "value_bias", "o": "proj_bias"}
    return {
        "side": 0,
        "registers": int(config.get("num_register_tokens", 0)),
        "rotary_base": float(config.get("rope_theta", 100.0)),
        "scale": float(config.get("layerscale_value", 1.0)),
        "gated": bool(config.get("use_gated_mlp", False)),
        "biases": "".join(one for one, key in parts.items() if config.get(key, key != "key_bias")),
        "perceptron_bias": bool(config.get("mlp_bias", True)),
        "eps": float(config.get("layer_norm_eps", 1e-5)),
    }


_OWN_KEYS: Mapping[str, Callable[[Mapping[str, Any], Mapping[str, Any]], dict[str, Any]]] = {
    "vit": lambda config, shape: {},
    "deit": _deit,
    "dinov2": _dinov2,
    "dinov2_with_registers": _dinov2,
    "dinov3_vit": _dinov3,
}


def _square(value: Any, source: str) -> int:
    sides = set(value) if isinstance(value, list | tuple) else {value}
    if len(sides) != 1:
        raise ValueError(f"{source} is made for images or patches of {value}; only square ones are read")
    return int(sides.pop())


def read_plain_transformer(backbone: Backbone, tensors: Mapping[str, Tensor], source: str) -> MatchedWeights:
    """Matches tensors of transformers with a plain transformer; its last norm becomes that of every tap.

    Raises:
        ValueError: see `match_weights`.
    """
    own = backbone.pretrained_state()
    given = _joined(_without_prefix(tensors))
    names = {name: _their_name(name, given) for name in own}
    matched = match_weights(own, given, names, _SPARE, source)
    return replace(matched, weights={name: tensor.float() for name, tensor in matched.weights.items()})


def _without_prefix(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    prefix = next((start for start in _CLASS_PREFIXES if f"{start}embeddings.cls_token" in tensors), "")
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}


def _joined(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Returns the tensors with special tokens in one table, and SwiGLU's two halves apart."""
    parts = [f"embeddings.{name}" for name in ("cls_token", "distillation_token", "register_tokens")]
    special = [tensors[name].flatten(0, -2) for name in parts if name in tensors]
    joined = {name: tensor for name, tensor in tensors.items() if name not in parts}
    if special:
        joined["special"] = torch.cat(special)
    if (places := joined.pop("embeddings.position_embeddings", None)) is not None:
        joined["positions"] = places.flatten(0, -2)
    for name in [name for name in joined if ".mlp.weights_in." in name]:
        gate, up = joined.pop(name).chunk(2)
        joined |= {name.replace("weights_in", "gate_proj"): gate, name.replace("weights_in", "up_proj"): up}
    return joined


def _their_name(name: str, given: Mapping[str, Tensor]) -> str:
    """Returns the name in the file of one of our tensors; if it is not there, as it would be spelled there."""
    layer, _, tensor = name.rpartition(".")
    if layer in ("special", "positions"):
        return layer
    if layer.startswith("norms."):
        spellings = [f"{norm}.{tensor}" for norm in _NORMS]
    elif layer.startswith("blocks."):
        _, number, part = layer.split(".", 2)
        if part in ("scale1", "scale2"):
            inner = [f"layer_{part[:5]}{part[5:]}.lambda1"]
        else:
            inner = [f"{spelling}.{tensor}" for spelling in _BLOCK[part]]
        spellings = [f"{start}{number}.{one}" for start in _BLOCKS for one in inner]
    else:
        spellings = [f"{spelling}.{tensor}" for spelling in _OUTER[layer]]
    if found := [spelling for spelling in spellings if spelling in given]:
        return found[0]
    usual = {re.sub(r"\d+", "N", one) for one in given}
    return next((spelling for spelling in spellings if re.sub(r"\d+", "N", spelling) in usual), spellings[0])
