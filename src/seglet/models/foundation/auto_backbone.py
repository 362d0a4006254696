"""Backbones of transformers' own classes, for networks that seglet does not have itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from seglet.models.foundation.loading import import_library, quiet_libraries

_LABELS = ("id2label", "label2id", "architectures", "dtype", "torch_dtype", "transformers_version", "_name_or_path")
"""Keys of a description that say nothing of the backbone."""

_RATES = ("hidden_dropout_prob", "attention_probs_dropout_prob", "hidden_dropout", "attention_dropout", "dropout")
"""Rates of dropouts that would draw from torch's global generator."""

_FRESH = ("hidden_states_norms.",)
"""Parts that classifiers lack, because only backbones have them; they start as the identity."""

_MOST_STAGES = 6
"""Number of stages of a network whose maps get coarser; those of a plain one are its layers, which are more."""

_SIDE = 256
"""Side in pixels of the image that a network's maps are measured with."""


@dataclass(frozen=True)
class AutoBackboneWeights:
    """Weights by transformers' names, and the names in the file that have no place in a backbone."""

    weights: dict[str, Tensor]
    unused: tuple[str, ...]


def auto_backbone_types() -> tuple[str, ...]:
    """Returns the types of models that transformers has a backbone for."""
    auto = import_library("transformers.models.auto.modeling_auto")
    return tuple(kind for kind in auto.MODEL_FOR_BACKBONE_MAPPING_NAMES if not kind.startswith("timm"))


def describe_auto_backbone(config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a description in values of JSON, from which `build_auto_backbone` makes the network without weights.

    It has the `config`, with four of the stages chosen: the last ones, or the last of every quarter of a deep plain
    network; and the `channels` and `strides` of their maps.

    Raises:
        ValueError: the network has fewer stages, or gives no maps of a square image.
    """
    values = {key: value for key, value in config.items() if key not in (*_LABELS, "out_features", "out_indices")}
    values |= {key: 0.0 for key in _RATES if key in values}
    kind = str(values["model_type"])
    values["out_indices"] = _four_stages(_config(values).stage_names, kind)
    with torch.device("meta"):
        network = build_auto_backbone(values).eval()
    try:
        maps = network(torch.empty(1, 3, _SIDE, _SIDE, device="meta")).feature_maps
    except Exception as error:  # the libraries' errors share no base class
        raise ValueError(f"transformers' backbone of type {kind} gives no maps here: {error}") from error
    if any(one.ndim != 4 for one in maps):
        raise ValueError(f"transformers' backbone of type {kind} gives tokens in place of maps")
    strides = [round(_SIDE / one.shape[2]) for one in maps]
    return {"config": values, "channels": [one.shape[1] for one in maps], "strides": strides}


def _four_stages(names: Sequence[str], kind: str) -> list[int]:
    first = int(names[0] == "stem")
    count = len(names) - first
    if count < 4:
        raise ValueError(f"a decoder reads four stages, but this {kind} has {count}")
    if count > _MOST_STAGES:
        return [first - 1 + count * quarter // 4 for quarter in (1, 2, 3, 4)]
    return list(range(first + count - 4, first + count))


def build_auto_backbone(config: Mapping[str, Any]) -> nn.Module:
    """Builds a backbone from `describe_auto_backbone`'s config, with weights from torch's global generator.

    Raises:
        ValueError: transformers is not installed, or knows no such backbone.
    """
    transformers = import_library("transformers")
    try:
        with quiet_libraries():
            network: nn.Module = transformers.AutoBackbone.from_config(_config(config))
    except Exception as error:  # the library's errors share no base class
        raise ValueError(f"transformers builds no backbone of type {config.get('model_type')}: {error}") from error
    return network


def read_auto_backbone(folder: Path, config: Mapping[str, Any]) -> AutoBackboneWeights:
    """Reads the weights of a backbone from a model's folder, under the names that `build_auto_backbone` gives them.

    Raises:
        ValueError: a tensor is missing or of another shape.
    """
    transformers = import_library("transformers")
    network_class = transformers.models.auto.modeling_auto.MODEL_FOR_BACKBONE_MAPPING[type(_config(config))]
    try:
        with quiet_libraries():
            network, report = network_class.from_pretrained(
                folder,
                config=_config(config),
                local_files_only=True,
                use_safetensors=True,
                output_loading_info=True,
                dtype=torch.float32,
            )
    except Exception as error:  # the library's errors share no base class
        raise ValueError(f"{folder} does not load as {network_class.__name__}: {error}") from error
    lacking = [str(name) for name in report["missing_keys"] if not str(name).startswith(_FRESH)]
    if lacking := sorted(lacking):
        raise ValueError(f"{folder} lacks {len(lacking)} tensors of this network, such as {lacking[0]!r}")
    if wrong := sorted(map(str, report["mismatched_keys"])):
        raise ValueError(f"{folder} holds another network: {wrong[0]} has another shape")
    return AutoBackboneWeights(dict(network.state_dict()), tuple(sorted(map(str, report["unexpected_keys"]))))


def _config(values: Mapping[str, Any]) -> Any:
    auto = import_library("transformers.models.auto.configuration_auto")
    kind = str(values.get("model_type"))
    if kind not in auto.CONFIG_MAPPING:
        raise ValueError(f"this transformers knows no models of type {kind!r}; update it")
    return auto.CONFIG_MAPPING[kind].from_dict(dict(values))
