"""The backbones that are known by name, with their size, published weights, heads, and speed on this machine."""

import time
from dataclasses import dataclass

import torch

from seglet.models.architecture import NETWORK_NAMES, Architecture
from seglet.models.assembly import build_backbone
from seglet.models.backbones.base import Backbone
from seglet.models.backbones.published import HUB_WEIGHTS, OWN_WEIGHTS, PublishedWeights
from seglet.models.backbones.variants import BACKBONE_FAMILIES

_RANDOM = PublishedWeights("none: random weights", "", "")
_SIDE = 512
_MEASUREMENTS = 3


@dataclass(frozen=True)
class KnownBackbone:
    """A backbone: its name behind the head, millions of parameters, weights, whether they are here, and its heads."""

    name: str
    parameters: float
    weights: PublishedWeights
    installed: bool
    heads: tuple[str, ...]


def known_backbones() -> list[KnownBackbone]:
    """Lists our own backbones and some of the Hugging Face hub; nothing is downloaded."""
    heads: dict[str, tuple[str, ...]] = {}
    for network in NETWORK_NAMES:
        head, _, backbone = network.partition("-")
        heads[backbone] = (*heads.get(backbone, ()), head)
    own = [_own(name, of_name) for name, of_name in heads.items()]
    return own + [_of_hub(name, weights) for name, weights in HUB_WEIGHTS.items()]


def _own(name: str, heads: tuple[str, ...]) -> KnownBackbone:
    with torch.device("meta"):
        backbone = _build(name, heads[0])
    parameters = sum(parameter.numel() for parameter in backbone.parameters()) / 1e6
    weights = OWN_WEIGHTS.get(name, _RANDOM)
    return KnownBackbone(name, parameters, weights, _is_here(name, weights), heads)


def _of_hub(name: str, weights: PublishedWeights) -> KnownBackbone:
    here = _is_downloaded(name.removeprefix("hf:"))
    return KnownBackbone(name, weights.parameters, weights, here, BACKBONE_FAMILIES["vit"].heads)


def _is_here(name: str, weights: PublishedWeights) -> bool:
    if name == "clip_tiny":
        return True
    if weights.package:
        from seglet.models.backbones.imagenet import find_imagenet_file

        return find_imagenet_file(name) is not None
    return any(_is_downloaded(word) for word in weights.origin.split() if word.startswith("openai/"))


def _is_downloaded(repository: str) -> bool:
    """Returns whether the hub's folder of downloads has the model; False without the hub's library."""
    from seglet.models.foundation.hub import find_present_file

    return find_present_file(repository, "model.safetensors") is not None


def _build(name: str, head: str) -> Backbone:
    return build_backbone(Architecture(f"{head}-{name}", output_stride=16))


def measure_backbone(backbone: KnownBackbone) -> float:
    """Returns the milliseconds that a backbone takes one core for an image of 512 x 512, the best of three.

    Weights are random, the output stride is 16 where there is a choice.

    Raises:
        ValueError: a model of the hub was not downloaded before.
    """
    network = _network(backbone).eval()
    images, before, best = torch.rand(1, 3, _SIDE, _SIDE), torch.get_num_threads(), float("inf")
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            for _ in range(_MEASUREMENTS):
                begin = time.process_time()  # of this process alone, whatever else the machine does
                network(images)
                best = min(best, time.process_time() - begin)
    finally:
        torch.set_num_threads(before)
    return best * 1000


def _network(backbone: KnownBackbone) -> Backbone:
    if ":" not in backbone.name:
        return _build(backbone.name, backbone.heads[0])
    from seglet.models.backbones.sources import open_source

    if not backbone.installed:
        raise ValueError(f"{backbone.name} is not on this machine; run `hf download {backbone.name.partition(':')[2]}`")
    source = open_source(backbone.name)
    return build_backbone(Architecture(f"fpn-{source.backbone}", output_stride=16, shape=source.shape))
