"""A segmenter on CLIP's image tower: built, saved, loaded and used without text."""

from pathlib import Path

import numpy as np
import pytest
import torch

from seglet.models.architecture import CLIP_NETWORKS, Architecture
from seglet.models.backbones.clip import CLIPBackbone
from seglet.models.segmenter import Segmenter, build
from seglet.types import Classes

CLASSES = Classes(("background", "cat", "dog"), ((0, 0, 0), (1, 1, 1), (2, 2, 2)))
VISION = {
    "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2, "image_size": 32,
    "patch_size": 8, "hidden_act": "quick_gelu", "layer_norm_eps": 1e-5,
}  # fmt: skip
TOWER = {"vision": VISION, "dim": 8, "mean": [0.5] * 3, "std": [0.25] * 3}
IMAGES = torch.rand(2, 3, 40, 56, generator=torch.Generator().manual_seed(0))


def segmenter(name: str = "weclip-clip", seed: int = 0) -> Segmenter:
    convention = {"mean": (0.5,) * 3, "std": (0.25,) * 3}
    return build(Architecture(name, width=0.125, tower=TOWER, **convention), CLASSES, seed).eval()  # type: ignore[arg-type]


@pytest.mark.parametrize("name", CLIP_NETWORKS)
def test_logits_have_the_size_of_the_images(name: str) -> None:
    assert segmenter(name)(IMAGES).shape == (2, 3, 40, 56)


def test_the_head_reads_every_layer_on_the_grid_of_the_patches() -> None:
    model = segmenter()
    assert isinstance(model.network.backbone, CLIPBackbone)
    assert [tuple(stage.shape) for stage in model.network.backbone(IMAGES)] == [(2, 16, 5, 7)] * 3


def test_the_backbone_has_the_features_of_the_tower_alone() -> None:
    backbone = segmenter().network.backbone
    assert isinstance(backbone, CLIPBackbone)
    assert torch.equal(backbone(IMAGES)[-1], backbone.tower(IMAGES).layers[-1])


def test_weights_depend_on_the_seed_alone() -> None:
    first, again, other = (segmenter(seed=seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[name], again[name]) and first[name].isfinite().all() for name in first)
    name = "network.backbone.tower.model.embeddings.class_embedding"
    assert not torch.equal(first[name], other[name])


def test_a_saved_one_predicts_the_same(tmp_path: Path) -> None:
    model = segmenter()
    model.save(tmp_path / "saved")
    loaded = Segmenter.load(tmp_path / "saved").to("cpu")
    assert torch.equal(loaded(IMAGES), model(IMAGES))
    assert all(part.device.type == "cpu" for part in (*loaded.buffers(), *loaded.parameters()))


def test_a_tower_needs_a_description_and_other_networks_none() -> None:
    with pytest.raises(ValueError, match="'weclip-clip' needs an image tower's description"):
        Architecture("weclip-clip")
    with pytest.raises(ValueError, match="'pspnet-resnet18' needs no `tower`"):
        Architecture("pspnet-resnet18", tower=TOWER)


def test_monte_carlo_passes_repeat_the_tail() -> None:
    predicted = segmenter().predict(IMAGES[0], samples=3)
    assert predicted.uncertainty is not None
    assert predicted.uncertainty.max() > 0


@pytest.mark.parametrize("name", CLIP_NETWORKS)
def test_untrained_decoders_are_nearly_undecided(name: str) -> None:
    chances = segmenter(name)(IMAGES).softmax(dim=1)
    assert chances.min() > 0.1
    assert chances.max() < 0.7


def test_it_predicts_one_image_after_the_other() -> None:
    network, images = segmenter().eval(), np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    first = [network.predict(image).probabilities for image in images]
    again = [network.predict(image).probabilities for image in images]
    assert all(np.array_equal(one, other) for one, other in zip(first, again, strict=True))
    assert not np.array_equal(*first)
