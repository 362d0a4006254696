"""Backbones of the hub that seglet has no network for, and Mix Transformers, which become its own."""

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.models.foundation.makers import rewrite
from tests.models.transformers_models import LIBRARY, make, save

from seglet.models.architecture import Architecture, DepthGuidance
from seglet.models.backbone_layers import freeze_backbone
from seglet.models.backbones.hub_mit import mix_transformer_name
from seglet.models.backbones.sources import open_source
from seglet.models.backbones.transformers_backbone import TransformersBackbone
from seglet.models.segmenter import Segmenter
from seglet.models.student import StudentConfig, build_student, initial_weights_note
from seglet.types import Classes

CLASSES = Classes.named(["background", "cat"])
STRIDES = {name: [8, 8, 8, 8] if name == "beit" else [4, 8, 16, 32] for name in LIBRARY}


def student(folder: Path, head: str = "fpn", **keys: Any) -> Segmenter:
    return build_student(StudentConfig(student=f"{head}-hf:{folder}", width=0.25, **keys), CLASSES, seed=0)


@pytest.mark.parametrize("name", LIBRARY)
def test_a_network_of_transformers_keeps_its_weights_and_reloads(name: str, tmp_path: Path) -> None:
    model = make(*LIBRARY[name])
    found = student(save(model, tmp_path / "given")).eval()
    shape, backbone = found.architecture.shape, found.network.backbone
    assert isinstance(backbone, TransformersBackbone)
    assert (found.architecture.name, shape["strides"]) == ("fpn-hf", STRIDES[name])
    images = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    rival = type(backbone.model).from_pretrained(tmp_path / "given", out_indices=shape["config"]["out_indices"]).eval()
    with torch.inference_mode():
        theirs = rival(backbone.normalise(images)).feature_maps
        ours = backbone.model(backbone.normalise(images)).feature_maps
        for one, other in zip(ours, theirs, strict=True):
            torch.testing.assert_close(one, other, atol=1e-5, rtol=0)
        found.save(tmp_path / "saved")
        again = Segmenter.load(tmp_path / "saved")
        assert torch.equal(again(images), found(images))
        for size in ((16, 20), (50, 70)):
            assert found(torch.rand(1, 3, *size)).shape == (1, 2, *size)
            assert tuple(stage.shape[1] for stage in backbone(torch.rand(1, 3, *size))) == backbone.channels


def test_pretrained_none_draws_the_same_weights_from_the_same_seed(tmp_path: Path) -> None:
    folder = save(make(*LIBRARY["swin"]), tmp_path)
    first, second = (student(folder, pretrained="none").state_dict() for _ in range(2))
    given, norm = student(folder).state_dict(), "network.backbone.model.swin.embeddings.norm.weight"
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert all(tensor.isfinite().all() for tensor in first.values())
    assert not torch.equal(first[norm], given[norm])


def test_a_missing_or_unknown_tensor_is_named(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    file = save(make(*LIBRARY["resnet"]), tmp_path) / "model.safetensors"
    tensors = load_file(file)
    save_file({**tensors, "resnet.adapter.weight": torch.zeros(1)}, file, {"format": "pt"})
    with pytest.raises(ValueError, match=r"1 tensors of layers .* 'resnet\.adapter\.weight'"):
        student(tmp_path)
    lacking = next(name for name in tensors if "encoder" in name)
    save_file({name: tensor for name, tensor in tensors.items() if name != lacking}, file, {"format": "pt"})
    with pytest.raises(ValueError, match="lacks 1 tensors of this network"):
        student(tmp_path)


def test_heads_and_depth_that_do_not_fit_are_refused_with_a_reason(tmp_path: Path) -> None:
    folder = save(make(*LIBRARY["convnext"]), tmp_path)
    with pytest.raises(ValueError, match=r"'vila' does not go with hf .* it takes deeplabv3, "):
        student(folder, "vila")
    with pytest.raises(ValueError, match=r"depth guides one stage after the other.* one of vit"):
        Architecture("ssss-hf", shape={}, depth=DepthGuidance())


def test_layers_of_a_network_of_transformers_are_not_known(tmp_path: Path) -> None:
    network = student(save(make(*LIBRARY["convnext"]), tmp_path)).network
    with pytest.raises(ValueError, match=r"'freeze: backbone' and 'layer_decay: 1'"):
        freeze_backbone(network, "stage1")
    freeze_backbone(network, "backbone")
    assert not any(parameter.requires_grad for parameter in network.backbone.model.parameters())


def test_another_type_of_model_is_refused(tmp_path: Path) -> None:
    rewrite(save(make(*LIBRARY["convnext"]), tmp_path) / "config.json", model_type="bert")
    with pytest.raises(ValueError, match="it is a transformers model of type bert"):
        open_source(f"hf:{tmp_path}")


def test_an_unknown_scheme_proposes_a_known_one() -> None:
    with pytest.raises(ValueError, match=r"unknown source 'hg:a/b'.*'hf:'"):
        build_student(StudentConfig(student="fpn-hg:a/b"), CLASSES, seed=0)


def test_a_mix_transformer_becomes_a_network_of_seglet(tmp_path: Path) -> None:
    model = make("SegformerForImageClassification", {})
    folder = save(model, tmp_path)
    found = build_student(StudentConfig(student=f"segformer-hf:{folder}"), CLASSES, seed=0).eval()
    assert (found.architecture.name, found.architecture.shape) == ("segformer-mit_b0", None)
    ours = build_student(StudentConfig(student="segformer-mit_b0", pretrained=f"hf:{folder}"), CLASSES, seed=0)
    assert all(map(torch.equal, found.network.backbone.parameters(), ours.network.backbone.parameters()))
    images = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    backbone = found.network.backbone
    with torch.inference_mode():
        theirs = model.segformer(backbone.normalise(images), output_hidden_states=True).hidden_states
        for one, other in zip(backbone(images), theirs, strict=True):
            # transformers leaves the authors' 1e-6 in the norms of the blocks at 1e-5
            torch.testing.assert_close(one, other, atol=1e-4, rtol=0)


def test_a_mix_transformer_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="only mit_b0, mit_b1"):
        mix_transformer_name({"hidden_sizes": [8, 16, 32, 64], "depths": [1, 1, 1, 1]}, "x")


def test_the_report_names_what_was_not_used(tmp_path: Path) -> None:
    found = student(save(make(*LIBRARY["convnext"]), tmp_path))
    note = initial_weights_note(StudentConfig(), found.network.backbone)
    assert note.endswith("tensors; not used: classifier, convnext.layernorm)")
