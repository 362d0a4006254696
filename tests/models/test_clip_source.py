"""CLIP's image tower as a student of any method, frozen or trained, below each of its heads."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.methods.toys import CLASSES, labelled
from tests.models.foundation.makers import save_clip

from seglet.engine.module import check_gradients
from seglet.methods import dgkd, distill, fixmatch, fotf, supervised
from seglet.models.architecture import CLIP_NETWORKS, Architecture, DepthGuidance
from seglet.models.backbone_layers import backbone_layers, depth_rates, freeze_backbone
from seglet.models.distillation.feature_taps import forward_with_taps
from seglet.models.foundation.clip import ImageTextEncoder
from seglet.models.segmenter import Segmenter
from seglet.models.student import StudentConfig, build_student, initial_weights_note
from seglet.types import Progress

IMAGES = torch.rand(1, 3, 32, 48, generator=torch.Generator().manual_seed(0))
HEADS = pytest.mark.parametrize("name", CLIP_NETWORKS)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_clip(tmp_path_factory.mktemp("clip") / "model"))


def student(clip: str, name: str = "weclip-clip", **keys: object) -> Segmenter:
    return build_student(StudentConfig(student=f"{name}:{clip}", width=0.25, **keys), CLASSES, seed=0)  # type: ignore[arg-type]


@HEADS
def test_its_backbone_has_the_towers_features(clip: str, name: str) -> None:
    own = student(clip, name).eval().network.backbone(IMAGES)
    for ours, theirs in zip(own, ImageTextEncoder.load(clip).image(IMAGES).layers, strict=True):
        assert torch.equal(ours, theirs)


@HEADS
def test_it_is_saved_without_the_source(clip: str, name: str, tmp_path) -> None:
    model = student(clip, name).eval()
    model.save(tmp_path / "saved")
    assert torch.equal(Segmenter.load(tmp_path / "saved").to("cpu").eval()(IMAGES), model(IMAGES))


def test_the_run_says_where_it_starts_from_and_chance_is_possible(clip: str) -> None:
    config = StudentConfig(student=f"weclip-clip:{clip}", width=0.25)
    assert f"initial weights: clip:{clip} (" in initial_weights_note(config, student(clip).network.backbone)
    assert not torch.equal(
        student(clip, pretrained="none").network.backbone(IMAGES)[0], student(clip).network.backbone(IMAGES)[0]
    )
    tiny = StudentConfig(student="largefield-clip:tiny-clip")
    assert "Apache-2.0" in initial_weights_note(tiny, build_student(tiny, CLASSES, 0).network.backbone)


@HEADS
@pytest.mark.parametrize("method", [supervised, fotf, fixmatch, distill], ids=lambda module: module.__name__)
def test_every_trained_parameter_of_every_method_has_a_gradient(clip: str, name: str, method, tmp_path) -> None:
    keys: dict[str, object] = {"student": f"{name}:{clip}", "width": 0.25}
    if method in (fotf, distill):
        student(clip).save(tmp_path / "teacher")
        keys["teacher"] = str(tmp_path / "teacher")
    found = method.Method.build(method.Config(**keys), CLASSES, 0).train()
    assert found.student.network.backbone.tower.model.encoder.layers[0].mlp.fc1.weight.requires_grad
    if method is not fixmatch:
        found.losses(labelled(), Progress(0, 10, seed=3, common_seed=4)).total.backward()
        check_gradients(found)


def test_in_the_dark_it_learns_from_masks_and_without_depth(clip: str, tmp_path: Path) -> None:
    student(clip).save(tmp_path / "light")
    keys = {"student": f"weclip-clip:{clip}", "width": 0.25, "projected": 8, "teacher": str(tmp_path / "light")}
    config = dgkd.Config(**keys, learns_from="masks", fusion="none")  # type: ignore[arg-type]
    method = dgkd.Method.build(config, CLASSES, 0).train()
    step = replace(labelled(), columns={"light": labelled().images})
    method.losses(step, Progress(0, 10, seed=3, common_seed=4)).total.backward()
    check_gradients(method)


def test_a_frozen_tower_leaves_the_head_to_train(clip: str) -> None:
    network = student(clip).network
    freeze_backbone(network, "backbone")
    network.train()
    assert not any(weight.requires_grad for weight in network.backbone.parameters())
    assert all(weight.requires_grad for weight in network.head.parameters())
    assert not network.backbone.tower.training


def test_its_layers_are_the_stem_and_blocks_in_quarters(clip: str) -> None:
    backbone = student(clip).network.backbone
    assert [layer.stage for layer in backbone_layers(backbone)] == [0, 1, 2, 3, 4]
    rates = depth_rates(backbone, 0.5)
    model = backbone.tower.model
    assert rates[model.encoder.layers[3].mlp.fc1.weight] == 0.5
    assert rates[model.embeddings.class_embedding] == 0.5**5


def test_stages_are_tapped_after_quarters_of_the_layers() -> None:
    network = build_student(StudentConfig(student="weclip-clip:tiny-clip", width=0.25), CLASSES, 0).network.eval()
    layers = network.backbone(IMAGES)
    maps = forward_with_taps(network, IMAGES, ["stage1", "stage2", "stage4"]).maps
    assert [next(i for i, layer in enumerate(layers) if torch.equal(layer, found)) for found in maps.values()] == [
        0,
        2,
        5,
    ]


def test_depth_and_heads_that_do_not_fit_are_refused(clip: str) -> None:
    with pytest.raises(ValueError, match="unknown network 'fpn-clip'"):
        student(clip, "fpn-clip")
    with pytest.raises(ValueError, match="HEAD-clip:clip-b16"):
        Architecture("deeplabv2-clip")
    with pytest.raises(ValueError, match="takes no depth"):
        build_student(StudentConfig(student=f"weclip-clip:{clip}"), CLASSES, 0, depth=DepthGuidance())
