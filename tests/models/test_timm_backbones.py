"""Backbones in timm's layout: its values and names, and students that start from its files without timm."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from tests.models.hash_weights import hash_weight, hashed
from torch import Tensor

from seglet.models.architecture import Architecture
from seglet.models.backbone_layers import backbone_layers
from seglet.models.backbones.base import Backbone
from seglet.models.backbones.described import BuildOptions, build_described, build_shape, family_of, shape_values
from seglet.models.backbones.sources import open_source
from seglet.models.backbones.timm_layout import match_timm
from seglet.models.backbones.timm_variants import timm_shape
from seglet.models.backbones.variants import ResNetShape
from seglet.models.backbones.weight_names import timm_names
from seglet.models.layers.normalise import Normalise
from seglet.models.segmenter import build, load
from seglet.models.student import StudentConfig, build_student, initial_weights_note
from seglet.types import Classes

CLASSES = Classes.named(["background", "cat"])
GOLDEN: dict[str, Any] = json.loads((Path(__file__).parents[1] / "golden" / "backbones" / "timm.json").read_text())
AS_THEY_ARE = Normalise((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
HALF = {"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.5, 1.0], "license": "apache-2.0"}


def made(architecture: str, output_stride: int = 32) -> Backbone:
    shape = timm_shape(architecture)
    assert shape is not None
    return build_shape(shape, AS_THEY_ARE, BuildOptions(output_stride)).eval()


def with_hashed_weights(backbone: Backbone) -> dict[str, Tensor]:
    own = backbone.state_dict()
    return {theirs: hash_weight(theirs, tuple(own[ours].shape)) for ours, theirs in timm_names(backbone).items()}


def saved(folder: Path, architecture: str = "resnet18", **more: Any) -> Path:
    """A folder in timm's layout, with hashed weights and a classifier."""
    folder.mkdir(exist_ok=True)
    tensors = {**with_hashed_weights(made(architecture)), "fc.weight": torch.zeros(2, 2), "fc.bias": torch.zeros(2)}
    save_file(tensors, folder / "model.safetensors")
    description = {"architecture": architecture, "num_classes": 2, "pretrained_cfg": HALF, **more}
    (folder / "config.json").write_text(json.dumps(description))
    return folder


@pytest.mark.parametrize("case", GOLDEN["values"], ids=lambda case: f"{case['architecture']}-{case['output_stride']}")
def test_the_stages_have_timms_values(case: dict[str, Any]) -> None:
    backbone = made(case["architecture"], case["output_stride"])
    matched = match_timm(backbone, with_hashed_weights(backbone), "hashed")
    backbone.load_state_dict({**backbone.state_dict(), **matched.weights})
    images = torch.from_numpy(hashed("image", 3 * 64 * 96)).view(1, 3, 64, 96)
    with torch.inference_mode():
        stages = Backbone.forward_stages(backbone.double(), images).stages
    assert len(stages) == 4
    for stage, expected in zip(stages, case["taps"], strict=True):
        flat, largest = stage.flatten(), expected["largest"]
        assert list(stage.shape[1:]) == expected["shape"]
        assert flat.abs().max().item() == pytest.approx(largest, rel=1e-9)
        assert flat.sum().item() == pytest.approx(expected["sum"], abs=1e-9 * largest * flat.numel())
        some = [flat[place * (flat.numel() // 5)].item() for place in range(5)]
        assert some == pytest.approx(expected["some"], abs=1e-9 * largest)


@pytest.mark.parametrize("architecture", GOLDEN["networks"])
def test_the_names_and_shapes_are_timms(architecture: str) -> None:
    expected = GOLDEN["networks"][architecture]
    with torch.device("meta"):
        backbone = made(architecture)
    own, names = backbone.state_dict(), timm_names(backbone)
    lines = sorted(f"{theirs} {[side for side in own[ours].shape if side != 1]}" for ours, theirs in names.items())
    parameters = sum(tensor.numel() for name, tensor in backbone.named_parameters() if name in names)
    assert (len(lines), parameters) == (expected["tensors"], expected["parameters"])
    assert hashlib.sha256("\n".join(lines).encode()).hexdigest().startswith(expected["sha256"])


@pytest.mark.parametrize(
    ("architecture", "millions"),
    [("resnet18", 11.18), ("resnet50", 23.51), ("mobilenetv3_large_100", 2.97), ("efficientnet_b0", 3.60)],
)
def test_the_published_networks_have_their_numbers_of_parameters(architecture: str, millions: float) -> None:
    with torch.device("meta"):
        count = sum(parameter.numel() for parameter in made(architecture).parameters())
    assert count / 1e6 == pytest.approx(millions, abs=0.01)


@pytest.mark.parametrize("architecture", ["resnet18_x", "resnet19", "convnext_huge", "vit_base", "efficientnet_b9"])
def test_other_networks_of_timms_have_no_shape(architecture: str) -> None:
    assert timm_shape(architecture) is None


@pytest.mark.parametrize(
    "architecture",
    ["resnet26d", "mobilenetv3_small_050", "mobilenetv4_conv_small_050", "efficientnet_b0", "convnextv2_atto"],
)
def test_a_saved_segmenter_needs_nothing_but_its_own_description(architecture: str, tmp_path: Path) -> None:
    shape = timm_shape(architecture)
    assert shape is not None
    described = Architecture(f"fpn-{family_of(shape)}", output_stride=16, shape=shape_values(shape))
    segmenter = build(described, CLASSES).eval()
    segmenter.save(tmp_path / "net")
    again, images = load(tmp_path / "net"), torch.rand(1, 3, 45, 70)
    assert again.architecture == described
    with torch.inference_mode():
        assert torch.equal(again(images), segmenter(images))


@pytest.mark.parametrize("head", ["deeplabv3plus", "segformer", "ssss", "pspnet", "fpn", "cam"])
@pytest.mark.parametrize("family", ["convnext", "mobilenetv3"])
def test_gradients_reach_every_parameter(head: str, family: str) -> None:
    shape = {"channels": [8, 16, 24, 32], "depths": [1, 1, 1, 1], "second": head == "fpn"}
    values = shape if family == "convnext" else {"size": "small", "width": 0.25}
    network = build(Architecture(f"{head}-{family}", shape=values, width=0.25, drop_path=0.0), CLASSES).network
    prediction = network.train()(torch.rand(2, 3, 64, 64))
    terms = [prediction.logits, *([] if prediction.auxiliary is None else [prediction.auxiliary])]
    sum(term.square().mean() for term in terms).backward()
    assert [name for name, parameter in network.named_parameters() if parameter.grad is None] == []


@pytest.mark.parametrize(
    ("architecture", "blocks"),
    [("resnet26d", [1, 2, 2, 2, 2]), ("convnext_atto", [1, 2, 2, 6, 2]), ("mobilenetv3_small_050", [1, 1, 2, 5, 4])],
)
def test_layers_for_fine_tuning_are_the_stem_and_the_blocks(architecture: str, blocks: list[int]) -> None:
    with torch.device("meta"):
        layers = backbone_layers(made(architecture))
    assert [sum(layer.stage == stage for layer in layers) for stage in range(5)] == blocks


def test_images_of_any_size_pass_a_convnext() -> None:
    values = {"channels": [8, 16, 24, 32], "depths": [1, 1, 1, 1]}
    backbone = build_described("convnext", values, Normalise())
    sizes = [tuple(stage.shape[2:]) for stage in backbone(torch.rand(1, 3, 65, 90))]
    assert sizes == [(16, 24), (8, 12), (4, 6), (2, 3)]  # as of 64 x 96


def test_a_wrong_shape_is_refused_with_the_right_keys() -> None:
    with pytest.raises(ValueError, match=r"unknown key 'depth' \(did you mean 'depths'\?\) in the shape of a resnet"):
        build_described("resnet", {"bottleneck": False, "depth": [1, 1, 1, 1]}, Normalise())
    with pytest.raises(ValueError, match="size: expected one of large, small"):
        build_described("mobilenetv3", {"size": "medium"}, Normalise())


def test_a_student_starts_from_a_folder_in_timms_layout(tmp_path: Path) -> None:
    config = StudentConfig(student=f"fpn-timm:{saved(tmp_path)}", output_stride=16)
    student = build_student(config, CLASSES, seed=0)
    backbone = student.network.backbone
    assert torch.equal(backbone.stem[0].conv.weight, hash_weight("conv1.weight", (64, 3, 7, 7)))
    assert (student.architecture.name, student.architecture.mean) == ("fpn-resnet", (0.5, 0.5, 0.5))
    assert initial_weights_note(config, backbone) == (
        f"initial weights: timm:{tmp_path} (120 tensors; not used: fc); their licence: Apache-2.0"
    )


def test_an_efficientnet_lite_of_timms_is_our_own(tmp_path: Path) -> None:
    source = open_source(f"timm:{saved(tmp_path, 'tf_efficientnet_lite0')}")
    assert (source.backbone, source.shape) == ("efficientnet_lite0", None)
    config = StudentConfig(
        student="fpn-efficientnet_lite0", output_stride=32, pretrained=str(tmp_path / "model.safetensors")
    )
    stem = build_student(config, CLASSES, seed=0).network.backbone.stem.conv.weight
    assert torch.equal(stem, hash_weight("conv_stem.weight", (32, 3, 3, 3)))


def test_a_file_decides_the_stem_of_a_resnet(tmp_path: Path) -> None:
    for letter, stem in (("", (64,)), ("d", (32, 32, 64)), ("s", None)):
        file = saved(tmp_path / f"resnet18{letter}", f"resnet18{letter}" if letter != "s" else "resnet18")
        if letter == "s":
            own = build_shape(ResNetShape(False, (2, 2, 2, 2)), AS_THEY_ARE)
            save_file(with_hashed_weights(own), file / "model.safetensors")
        config = StudentConfig(student="fpn-resnet18", pretrained=str(file / "model.safetensors"))
        architecture = build_student(config, CLASSES, seed=0).architecture
        found = None if architecture.shape is None else tuple(architecture.shape["stem"])
        assert (found, architecture.mean) == (stem, (0.5, 0.5, 0.5))


def test_weights_of_a_source_start_one_of_our_backbones(tmp_path: Path) -> None:
    source = f"timm:{saved(tmp_path, 'resnet18d')}"
    student = build_student(StudentConfig(student="fpn-resnet18", pretrained=source), CLASSES, seed=0)
    assert student.architecture.shape is not None
    assert student.architecture.shape["stem"] == [32, 32, 64]
    assert student.network.backbone.origin.startswith(source)
    for wrong, message in (
        ("fpn-resnet34", r"is resnet18, and the student has resnet34; .* student HEAD-timm:"),
        ("fpn-timm:resnet18.a1_in1k", "has weights of its own; expected auto, none or a file"),
    ):
        with pytest.raises(ValueError, match=message):
            build_student(StudentConfig(student=wrong, pretrained=source), CLASSES, seed=0)
    other = f"timm:{saved(tmp_path / 'small', 'mobilenetv3_small_050')}"
    with pytest.raises(ValueError, match="is no backbone of ours, and the student has resnet18"):
        build_student(StudentConfig(student="fpn-resnet18", pretrained=other), CLASSES, seed=0)


def test_a_name_of_timms_takes_a_file_or_no_weights_without_a_download(tmp_path: Path) -> None:
    file = saved(tmp_path, "mobilenetv3_small_050") / "model.safetensors"
    name = "fpn-timm:mobilenetv3_small_050.lamb_in1k"
    taken = build_student(StudentConfig(student=name, pretrained=str(file)), CLASSES, seed=0)
    assert torch.equal(taken.network.backbone.stem.conv.weight, hash_weight("conv_stem.weight", (16, 3, 3, 3)))
    drawn = build_student(StudentConfig(student=name, pretrained="none"), CLASSES, seed=0)
    assert drawn.network.backbone.origin == ""
    assert drawn.architecture.shape == taken.architecture.shape


def test_a_tensor_too_few_or_too_many_or_of_another_shape_is_named() -> None:
    backbone = made("mobilenetv3_small_050")
    whole = with_hashed_weights(backbone)
    whole.pop("bn1.num_batches_tracked")  # as in old files
    assert match_timm(backbone, whole, "file").weights.keys() == backbone.state_dict().keys()
    with pytest.raises(ValueError, match=r"file lacks 1 tensors of this network, such as 'bn1.weight'"):
        match_timm(backbone, {name: tensor for name, tensor in whole.items() if name != "bn1.weight"}, "file")
    with pytest.raises(ValueError, match=r"holds 1 tensors of layers .* such as 'blocks.9.0.conv.weight'"):
        match_timm(backbone, {**whole, "blocks.9.0.conv.weight": torch.zeros(1)}, "file")
    with pytest.raises(ValueError, match=r"'bn1.weight' has the shape \(8,\) in place of \(16,\)"):
        match_timm(backbone, {**whole, "bn1.weight": torch.zeros(8)}, "file")


def test_what_is_not_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no backbone 'vit_base_patch16_224' of timm's is known here; known are resn"):
        open_source("timm:vit_base_patch16_224.augreg_in21k")
    with pytest.raises(ValueError, match=r"options of timm's that are not read here: act_layer"):
        open_source(f"timm:{saved(tmp_path, model_args={'act_layer': 'silu', 'num_classes': 5})}")
    with pytest.raises(ValueError, match=r"timm/resnet18.none_in1k was not downloaded before"):
        open_source("timm:resnet18.none_in1k")
    (tmp_path / "config.json").write_text('{"model_type": "vit"}')
    with pytest.raises(ValueError, match=r"is not a backbone of timm's: it is a transformers model of type vit"):
        open_source(f"timm:{tmp_path}")
    with pytest.raises(ValueError, match="holds no ResNet with the names of timm or torchvision"):
        build_student(StudentConfig(student="fpn-resnet18", pretrained=str(odd_file(tmp_path))), CLASSES, seed=0)


def odd_file(folder: Path) -> Path:
    save_file({"weight": torch.zeros(1)}, folder / "odd.safetensors")
    return folder / "odd.safetensors"
