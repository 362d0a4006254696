"""Plain vision transformers: values of transformers' classes, maps of several sizes, and students that start there."""

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.models.foundation.makers import rewrite
from tests.models.transformers_models import MEAN, PLAIN, STD, make, save

from seglet.models.architecture import Architecture, DepthGuidance
from seglet.models.backbones.plain_transformer import PlainTransformer
from seglet.models.backbones.sources import open_source
from seglet.models.backbones.variants import BACKBONE_FAMILIES
from seglet.models.layers.feature_pyramid import MapScaling, pyramid_factors
from seglet.models.segmenter import Segmenter, build
from seglet.models.student import StudentConfig, build_student, initial_weights_note, load_backbone
from seglet.types import Classes

CLASSES = Classes.named(["background", "cat"])
SHAPE = {"channels": 32, "heads": 2, "depth": 4, "hidden": 64, "patch": 8, "side": 4}


def loaded(folder: Path, head: str = "vila") -> PlainTransformer:
    """The backbone of a network on a saved model, with its weights."""
    source = open_source(f"hf:{folder}")
    architecture = Architecture(f"{head}-vit", shape=source.shape, mean=source.mean, std=source.std)
    backbone = build(architecture, CLASSES).eval().network.backbone
    load_backbone(backbone, source)
    assert isinstance(backbone, PlainTransformer)
    return backbone


@pytest.mark.parametrize("name", PLAIN)
def test_taps_are_the_normalised_layers_of_transformers(name: str, tmp_path: Path) -> None:
    model = make(*PLAIN[name])
    backbone = loaded(save(model, tmp_path))
    inner: Any = model if hasattr(model, "embeddings") else getattr(model, model.base_model_prefix)
    norm = getattr(inner, "layernorm", None) or inner.norm
    any_size = {"interpolate_pos_encoding": True} if model.config.model_type in ("vit", "deit") else {}
    for size in ((32, 32), (40, 24), (16, 64)):
        images = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(1))
        with torch.inference_mode():
            layers = inner(backbone.normalise(images), output_hidden_states=True, **any_size).hidden_states[1:]
            for layer, stage in zip(layers, backbone(images), strict=True):
                patches = norm(layer)[:, backbone.prefix :].transpose(1, 2).reshape(stage.shape)
                torch.testing.assert_close(stage, patches, atol=1e-5, rtol=0)


def test_the_images_are_normalised_as_the_authors_do(tmp_path: Path) -> None:
    source = open_source(f"hf:{save(make(*PLAIN['vit']), tmp_path)}")
    assert source.mean == pytest.approx(MEAN)
    assert source.std == pytest.approx(STD)


def test_a_tensor_too_few_or_too_many_is_named(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    file = save(make(*PLAIN["dinov2"]), tmp_path) / "model.safetensors"
    tensors = load_file(file)
    save_file({**tensors, "encoder.layer.0.adapter.weight": torch.zeros(1)}, file)
    with pytest.raises(ValueError, match=r"1 tensors of layers .* such as 'encoder\.layer\.0\.adapter\.weight'"):
        loaded(tmp_path)
    del tensors["encoder.layer.2.mlp.fc1.bias"]
    save_file(tensors, file)
    with pytest.raises(ValueError, match=r"lacks 1 tensors .* such as 'encoder\.layer\.2\.mlp\.fc1\.bias'"):
        loaded(tmp_path)


def test_a_description_of_other_weights_is_refused(tmp_path: Path) -> None:
    rewrite(save(make(*PLAIN["dinov2"]), tmp_path) / "config.json", mlp_ratio=2)
    with pytest.raises(ValueError, match=r"has the shape \(128, 32\) in place of \(64, 32\)"):
        loaded(tmp_path)


@pytest.mark.parametrize("head", BACKBONE_FAMILIES["vit"].heads)
def test_every_head_takes_a_plain_transformer_and_its_gradients_reach_all(head: str, tmp_path: Path) -> None:
    model = build(Architecture(f"{head}-vit", shape=SHAPE, width=0.125, output_stride=32), CLASSES).train()
    output = model.network(torch.rand(2, 3, 60, 70))
    auxiliary = 0 if output.auxiliary is None else output.auxiliary.square().mean()
    (output.logits.square().mean() + auxiliary).backward()
    assert [name for name, parameter in model.named_parameters() if parameter.grad is None] == []
    model.save(tmp_path / "model")
    images = torch.rand(1, 3, 64, 50)
    assert torch.equal(Segmenter.load(tmp_path / "model")(images), model.eval()(images))


@pytest.mark.parametrize(
    ("patch", "stride", "factors"),
    [(14, 32, (4, 2, 1, 0.5)), (16, 16, (4, 2, 1, 1)), (16, 8, (4, 2, 2, 2)), (8, 32, (2, 1, 0.5, 0.25))],
)
def test_a_pyramid_reaches_the_strides_of_a_convolutional_network(patch, stride, factors):
    assert pyramid_factors(patch, stride) == factors


def test_a_map_grows_by_convolutions_and_shrinks_by_its_maxima():
    maps = torch.arange(9.0).reshape(1, 1, 3, 3).expand(1, 4, 3, 3)
    assert MapScaling(4, 2, 4)(maps).shape == (1, 2, 12, 12)
    assert MapScaling(4, 2, 0.5)(maps)[0, 0].tolist() == [[4, 5], [7, 8]]


def test_depth_guides_the_patches_behind_the_first_taps():
    architecture = Architecture("ssss-vit", shape=SHAPE, width=0.125, depth=DepthGuidance())
    backbone = build(architecture, CLASSES).eval().network.backbone
    image = torch.full((1, 3, 32, 32), 0.5)
    near, far = (torch.cat((image, torch.full((1, 1, 32, 32), depth)), dim=1) for depth in (0.0, 1.0))
    for transform in backbone.fusion.transforms:
        torch.nn.init.normal_(transform.scale[-1].weight, std=0.1)
    one, other = backbone(near), backbone(far)
    assert all(not torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_a_student_starts_from_the_model_and_says_so(tmp_path: Path) -> None:
    model = make(*PLAIN["dinov2"])
    config = StudentConfig(student=f"fpn-hf:{save(model, tmp_path)}")
    student = build_student(config, CLASSES, seed=0)
    assert student.architecture.name == "fpn-vit"
    assert torch.equal(student.network.backbone.patches.bias, model.embeddings.patch_embeddings.projection.bias)
    note = initial_weights_note(config, student.network.backbone)
    assert "82 tensors; not used: embeddings.mask_token" in note
    assert str(tmp_path) in note


def test_pretrained_none_takes_the_shape_alone(tmp_path: Path) -> None:
    folder = save(make(*PLAIN["dinov2"]), tmp_path)
    (folder / "model.safetensors").unlink()
    config = StudentConfig(student=f"fpn-hf:{folder}", pretrained="none")
    student = build_student(config, CLASSES, seed=0)
    assert student.architecture.shape["scale"] == 1
    assert initial_weights_note(config, student.network.backbone).startswith("initial weights: random")
    with pytest.raises(ValueError, match=r"expected auto or none, got 'weights\.pth'"):
        build_student(StudentConfig(student=config.student, pretrained="weights.pth"), CLASSES, seed=0)


def test_a_folder_of_pickles_is_refused_with_the_cure(tmp_path: Path) -> None:
    folder = save(make(*PLAIN["vit"]), tmp_path)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ValueError, match=r"may hold code and is never loaded.*unpickle_model"):
        open_source(f"hf:{folder}")


def test_an_id_that_is_not_here_says_how_to_get_it(monkeypatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ValueError, match=r"hf download facebook/dinov2-none"):
        open_source("hf:facebook/dinov2-none")
    with pytest.raises(ValueError, match="is no folder and no id of the hub"):
        open_source("hf:dinov2")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "weclip-vit"}, "'weclip' does not go with vit .* it takes deeplabv3, "),
        ({"output_stride": 4}, "8 or 16 or 32 for fpn-vit, got 4"),
        ({"shape": None}, "needs the description `shape`"),
        ({"name": "fpn-resnet18"}, "needs no `shape`"),
    ],
)
def test_an_impossible_description_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Architecture(**{"name": "fpn-vit", "shape": SHAPE, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hiden": 3}, "did you mean 'hidden'"),
        ({"depth": 3}, "reads four blocks"),
        ({"heads": 3}, "that heads divide"),
        ({"activation": "gelo"}, "did you mean 'gelu'"),
        ({"taps": [0, 1, 2, 4]}, "from 0 to 3"),
        ({"side": 0, "heads": 16}, "a multiple of 4 channels"),
    ],
)
def test_an_impossible_shape_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(Architecture("fpn-vit", shape={**SHAPE, **changes}), CLASSES)
