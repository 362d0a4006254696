"""Layers by depth: what is frozen, and the rates of what is not."""

from collections import Counter

import pytest
import torch
from tests.models.tiny import images, tiny
from torch import nn

from seglet.models.architecture import Architecture
from seglet.models.backbone_layers import backbone_layers, depth_rates, freeze_backbone
from seglet.models.backbones.base import Backbone
from seglet.models.layers.dropout import DropPath
from seglet.models.layers.normalise import Normalise
from seglet.models.segmenter import Segmenter, build
from seglet.models.student import StudentConfig, build_student
from seglet.types import Classes

NETWORKS = {
    "deeplabv3-resnet18": [1, 2, 2, 2, 2],
    "ssss-wideresnet38": [1, 3, 3, 6, 5],
    "segformer-mit_b0": [1, 2, 2, 2, 2],
    "fpn-efficientnet_lite0": [1, 3, 2, 6, 5],
    "vila-clip_tiny": [1, 2, 1, 2, 1],
}
"""Layers of the stem and of each stage."""


def network(name: str) -> Segmenter:
    return tiny(name, drop_path=0.0)


@pytest.mark.parametrize(("name", "counts"), NETWORKS.items())
def test_each_block_is_a_layer_of_its_stage(name: str, counts: list[int]) -> None:
    found = Counter(layer.stage for layer in backbone_layers(network(name).network.backbone))
    assert [found[stage] for stage in range(5)] == counts
    assert list(found) == sorted(found)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_weight_is_in_one_layer(name: str) -> None:
    backbone = network(name).network.backbone
    found = Counter(id(p) for layer in backbone_layers(backbone) for part in layer.parts for p in part.parameters())
    norms = {id(p) for p in backbone.norms.parameters()} if hasattr(backbone, "norms") else set()
    assert set(found) == {id(p) for p in backbone.parameters()} - norms
    assert set(found.values()) == {1}


class Toy(Backbone):
    def __init__(self) -> None:
        super().__init__(Normalise((0.0,) * 3, (1.0,) * 3, False))
        self.stem = nn.Linear(1, 1)
        self.blocks = nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1))


def test_three_layers_and_a_decay_of_a_half_have_these_rates() -> None:
    toy = Toy()
    rates = depth_rates(toy, 0.5)
    assert [rates[part.weight] for part in (toy.stem, *toy.blocks)] == [0.125, 0.25, 0.5]


@pytest.mark.parametrize(
    ("name", "until", "first_trained"),
    [
        ("deeplabv3-resnet18", "stem", "backbone.layer1"),
        ("deeplabv3-resnet18", "stage2", "backbone.layer3"),
        ("segformer-mit_b0", "stem", "backbone.parts.0.blocks"),
        ("segformer-mit_b0", "stage1", "backbone.parts.1"),
        ("vila-clip_tiny", "stage1", "backbone.blocks.2"),
        ("fpn-efficientnet_lite0", "stage4", "head"),
        ("deeplabv3-resnet18", "backbone", "head"),
    ],
)
def test_what_is_frozen_ends_where_it_should(name: str, until: str, first_trained: str) -> None:
    net = network(name).network
    freeze_backbone(net, until)
    trained = [name for name, weight in net.named_parameters() if weight.requires_grad and ".norms." not in name]
    assert trained[0].startswith(first_trained)
    assert all(weight.requires_grad for part in (net.head,) for weight in part.parameters())


def test_frozen_parts_keep_weights_and_statistics_through_training() -> None:
    segmenter = network("deeplabv3-resnet18")
    net = segmenter.network
    freeze_backbone(net, "stage2")
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    segmenter.eval()
    segmenter.train()
    optimiser = torch.optim.SGD([p for p in net.parameters() if p.requires_grad], lr=0.1)
    net(images()).logits.square().mean().backward()
    optimiser.step()
    moved = {name for name, tensor in net.state_dict().items() if not torch.equal(tensor, before[name])}
    frozen = ("backbone.stem", "backbone.layer1", "backbone.layer2")
    assert not any(name.startswith(frozen) for name in moved)
    assert {"backbone.layer3.0.conv1.norm.running_mean", "backbone.layer4.0.conv1.conv.weight"} <= moved
    assert all(p.grad is None for p in net.backbone.stem.parameters())


CLASSES = Classes.named(["a", "b"])
SHAPE = {"channels": 16, "heads": 2, "depth": 8, "hidden": 16, "patch": 16, "side": 4}


def test_what_stands_on_a_model_of_the_hub_is_never_frozen() -> None:
    net = build(Architecture("fpn-vit", output_stride=32, shape=SHAPE), CLASSES).network
    assert [layer.stage for layer in backbone_layers(net.backbone)] == [0, 1, 1, 2, 2, 3, 3, 4, 4]
    freeze_backbone(net, "backbone")
    trained = {name.split(".")[1] for name, p in net.named_parameters() if p.requires_grad and "backbone" in name}
    assert trained == {"pyramid"}


def paths(**keys: object) -> list[float]:
    student = build_student(StudentConfig(width=0.125, **keys), CLASSES, 0)  # type: ignore[arg-type]
    return [part.p for part in student.network.backbone.modules() if isinstance(part, DropPath)]


def test_stochastic_depth_rises_to_the_last_block() -> None:
    assert paths(student="vila-clip_tiny", drop_path=0.5) == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5])
    assert paths(student="segformer-mit_b0", drop_path=0.7) == pytest.approx([i / 10 for i in range(8)])


def test_by_default_stochastic_depth_is_what_it_was() -> None:
    assert set(paths(student="vila-clip_tiny")) == {0.0}
    assert paths(student="segformer-mit_b0")[-1] == 0.1
    assert set(paths(student="segformer-mit_b0", drop_path=0.0)) == {0.0}
