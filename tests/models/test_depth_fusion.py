"""Depth told to features."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.golden_near import assert_near
from torch import Tensor, nn

from seglet.models.architecture import DepthGuidance
from seglet.models.layers.depth_fusion import SFT, DepthFusion, DepthPrior, fuse_guided
from seglet.models.layers.initialise import initialise_weights
from seglet.models.segmenter import Architecture, Segmenter, build, load
from seglet.types import Classes

CLASSES = Classes(("background", "cat"), ((0, 0, 0), (255, 0, 0)))
Case = dict[str, np.ndarray]
NEAR = 1e-5  # the authors' runs are float32


def weights_of(case: Case, part: str) -> dict[str, Tensor]:
    names = {"SFT_scale_conv": "scale.", "SFT_shift_conv": "shift."}
    found = {}
    for name, value in case.items():
        if name.startswith(f"w__{part}"):
            ours = name.removeprefix(f"w__{part}").replace("__", ".")
            for theirs, layer in names.items():
                ours = ours.replace(f"{theirs}0", f"{layer}0").replace(f"{theirs}1", f"{layer}2")
            found[ours] = torch.from_numpy(value)
    return found


def tensor(case: Case, name: str) -> Tensor:
    return torch.from_numpy(case[name]).double()


def transform(case: Case, part: str, channels: int, prior: int, official: bool = True) -> SFT:
    built = SFT(channels, prior, official).double()
    built.load_state_dict(weights_of(case, part))
    return built


@pytest.mark.golden("weak", "sft")
def test_the_transform_is_the_authors_but_for_the_one_they_add(case: Case) -> None:
    features, prior = tensor(case, "x"), tensor(case, "cond")
    theirs = transform(case, "", features.shape[1], prior.shape[1])(features, prior).detach()
    assert_near(theirs, case["out"], NEAR)
    paper = transform(case, "", features.shape[1], prior.shape[1], official=False)(features, prior).detach()
    torch.testing.assert_close(paper, theirs - features)


@pytest.mark.golden("weak", "dgf2_fusion")
def test_fusion_and_its_gradients_are_the_authors(case: Case) -> None:
    own, guided = tensor(case, "F_d").requires_grad_(), tensor(case, "F_dbar").requires_grad_()
    fused = fuse_guided(own, guided, float(case["lam"]))
    gradients = torch.autograd.grad((fused * tensor(case, "grad_w")).sum(), (own, guided))
    assert_near(fused, case["out"], NEAR)
    for found, name in zip(gradients, ("grad_F_d", "grad_F_dbar"), strict=True):
        assert_near(found, case[name], NEAR)


@pytest.mark.golden("weak", "dgf2_stage")
def test_the_way_from_depth_to_features_is_the_authors(case: Case) -> None:
    features = tensor(case, "x")
    fusion = DepthFusion([features.shape[1]], official=True).double()
    fusion.prior.layers.load_state_dict(weights_of(case, "CondNet__"))
    fusion.transforms[0].load_state_dict(weights_of(case, "sft1__"))
    prior = fusion.prior(tensor(case, "depth")).detach()
    assert_near(prior, case["prior"], NEAR)
    assert_near(fusion.transforms[0](features, prior), case["sft_out"], NEAR)
    assert_near(fusion.guide(0, features, prior), case["out"], NEAR)


def test_where_both_features_are_zero_nothing_is_added_and_where_both_are_strong_both_are() -> None:
    assert fuse_guided(torch.zeros(1, 1, 1, 1), torch.zeros(1, 1, 1, 1)).item() == 0
    assert (
        fuse_guided(torch.full((1, 1, 1, 1), 100.0), torch.full((1, 1, 1, 1), 50.0)).item() == 200
    )  # 50 + 1 · (100 + 50)
    assert fuse_guided(torch.full((1, 1, 1, 1), -100.0), torch.full((1, 1, 1, 1), -50.0)).item() == -125  # λ of it


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_the_papers_fusion_has_as_many_parameters_as_the_authors() -> None:
    fusion = DepthFusion([128, 256, 512])
    assert [parameters(part) for part in fusion.transforms] == [24_960, 41_600, 74_880]
    assert parameters(fusion) == 148_217_684 - 148_001_716  # their student less their teacher


@pytest.mark.parametrize("official", [True, False])
def test_a_fresh_transform_changes_nothing_and_learns(official: bool) -> None:
    part, features, prior = SFT(3, 2, official), torch.randn(2, 3, 4, 4), torch.randn(2, 2, 9, 7)
    part.draw_weights(torch.Generator())
    out = part(features, prior)
    torch.testing.assert_close(out, features)
    out.square().sum().backward()
    assert part.scale[-1].weight.grad.abs().sum() > 0  # type: ignore[union-attr]


def test_321_pixels_of_depth_become_79() -> None:
    with torch.device("meta"):
        assert DepthPrior(0.125)(torch.zeros(1, 1, 321, 321)).shape == (1, 8, 79, 79)


@pytest.mark.parametrize("value", [0.0, 1e4])
def test_constant_and_huge_depth_stay_finite(value: float) -> None:
    fusion = DepthFusion([4], width=0.125)
    initialise_weights(fusion, torch.Generator().manual_seed(0))
    features = torch.ones(1, 4, 3, 3, requires_grad=True)
    fusion.guide(0, features, fusion.prior(torch.full((1, 1, 8, 8), value))).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in (features, *fusion.parameters()))


def test_depth_that_is_too_small_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least 6x6, got 1 channels of 5x9; resize"):
        DepthPrior(0.125)(torch.zeros(1, 1, 5, 9))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(("channels", "way", "weight"), [([], "sft", 0.5), ([4], "film", 0.5), ([4], "dgf2", 2.0)])
def test_impossible_fusions_are_an_error(channels: list[int], way: str, weight: float) -> None:
    with pytest.raises(ValueError, match="expected a place or more"):
        DepthFusion(channels, way, weight)  # type: ignore[arg-type]


def guided(places: int, way: str = "dgf2", backbone: str = "wideresnet38", width: float = 0.0625) -> Segmenter:
    guide = DepthGuidance(way, places)  # type: ignore[arg-type]
    return build(Architecture(f"ssss-{backbone}", width=width, depth=guide), CLASSES, seed=0).eval()


@pytest.mark.parametrize("backbone", ["wideresnet38", "resnet18", "mit_b0"])
def test_an_untaught_transform_leaves_the_backbone_as_it_was(backbone: str) -> None:
    model, images = guided(3, "sft", backbone), torch.rand(1, 4, 32, 32)
    with torch.no_grad():
        told = model.network.backbone(images)
        model.network.backbone.fusion = None
        plain = model.network.backbone(images[:, :3])
    for ours, alone in zip(told, plain, strict=True):
        torch.testing.assert_close(ours, alone)


@pytest.mark.parametrize("places", [1, 2, 3])
def test_stages_are_also_known_as_they_were_before_depth_reached_them(places: int) -> None:
    with torch.no_grad():
        seen = guided(places).network.backbone.forward_stages(torch.rand(1, 4, 24, 24))
    same = [torch.equal(own, told) for own, told in zip(seen.unguided, seen.stages, strict=True)]
    assert same == [place >= places for place in range(4)]


def test_depth_changes_the_output_of_a_trained_network() -> None:
    model = guided(1)
    model.network.backbone.fusion.transforms[0].scale[-1].weight.data.fill_(0.1)  # type: ignore[union-attr, index]
    image, near, far = torch.rand(3, 32, 32), torch.zeros(32, 32), torch.ones(32, 32)
    first, second = (model.predict(image, depth=depth).probabilities for depth in (near, far))
    assert not np.array_equal(first, second)


def test_a_network_with_depth_guidance_is_saved_and_loaded_with_it(tmp_path: Path) -> None:
    model = guided(2, "sft")
    model.save(tmp_path / "model")
    again, image, depth = load(tmp_path / "model"), torch.rand(3, 40, 33), torch.rand(20, 17)
    assert again.architecture == model.architecture
    np.testing.assert_array_equal(
        again.predict(image, depth=depth).probabilities, model.predict(image, depth=depth).probabilities
    )


@pytest.mark.parametrize(
    ("depth", "message"),
    [
        (None, "this network takes depth: give the image's `depth`"),
        (torch.rand(32, 16), "depth of 32x16 has other proportions than its image of 32x32"),
        (torch.rand(1, 32, 32), r"expected depth as floats \[h, w\]"),
        (torch.full((32, 32), 2.0), "expected depth from 0, nearest, to 1, farthest, got 2 to 2"),
        (torch.full((32, 32), torch.nan), "got nan to nan"),
    ],
)
def test_depth_that_is_missing_or_does_not_fit_is_an_error(depth: Tensor | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        guided(1).predict(torch.rand(3, 32, 32), depth=depth)


def test_depth_for_a_network_without_guidance_is_an_error() -> None:
    model = build(Architecture("ssss-resnet18", width=0.0625), CLASSES, seed=0)
    with pytest.raises(ValueError, match="takes colours alone"):
        model.predict(torch.rand(3, 32, 32), depth=torch.rand(32, 32))
    with pytest.raises(ValueError, match="expected images of 3 planes, got 4"):
        model(torch.rand(1, 4, 32, 32))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("keys", [{"way": "film"}, {"places": 4}, {"weight": 2.0}])
def test_impossible_guides_are_an_error(keys: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="expected depth guidance by dgf2 or sft at 1 to 3 places"):
        DepthGuidance(**keys)  # type: ignore[arg-type]
