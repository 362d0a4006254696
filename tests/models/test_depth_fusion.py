"""Depth told to features."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from seglet.models.depth_fusion import DepthFusion, DepthPrior, fuse
from seglet.models.depth_guided import GuidedWideResNet38
from seglet.models.initialise import initialise
from seglet.models.normalise import Normalise
from seglet.models.sft import SFT
from seglet.models.wide_resnet38 import WideResNet38

Case = dict[str, np.ndarray]
NEAR = {"rtol": 1e-4, "atol": 1e-5}  # the authors' runs are float32


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
    np.testing.assert_allclose(theirs, case["out"], **NEAR)
    paper = transform(case, "", features.shape[1], prior.shape[1], official=False)(features, prior).detach()
    torch.testing.assert_close(paper, theirs - features)


@pytest.mark.golden("weak", "dgf2_fusion")
def test_fusion_and_its_gradients_are_the_authors(case: Case) -> None:
    own, guided = tensor(case, "F_d").requires_grad_(), tensor(case, "F_dbar").requires_grad_()
    fused = fuse(own, guided, float(case["lam"]))
    gradients = torch.autograd.grad((fused * tensor(case, "grad_w")).sum(), (own, guided))
    np.testing.assert_allclose(fused.detach(), case["out"], **NEAR)
    for found, name in zip(gradients, ("grad_F_d", "grad_F_dbar"), strict=True):
        np.testing.assert_allclose(found, case[name], **NEAR)


@pytest.mark.golden("weak", "dgf2_stage")
def test_the_way_from_depth_to_features_is_the_authors(case: Case) -> None:
    features = tensor(case, "x")
    fusion = DepthFusion([features.shape[1]], official=True).double()
    fusion.prior.layers.load_state_dict(weights_of(case, "CondNet__"))
    fusion.transforms[0].load_state_dict(weights_of(case, "sft1__"))
    prior = fusion.prior(tensor(case, "depth")).detach()
    np.testing.assert_allclose(prior, case["prior"], **NEAR)
    np.testing.assert_allclose(fusion.transforms[0](features, prior).detach(), case["sft_out"], **NEAR)
    np.testing.assert_allclose(fusion.at(0, features, prior).detach(), case["out"], **NEAR)


def test_where_both_features_are_zero_nothing_is_added_and_where_both_are_strong_both_are() -> None:
    assert fuse(torch.zeros(1, 1, 1, 1), torch.zeros(1, 1, 1, 1)).item() == 0
    assert fuse(torch.full((1, 1, 1, 1), 100.0), torch.full((1, 1, 1, 1), 50.0)).item() == 200  # 50 + 1 · (100 + 50)
    assert fuse(torch.full((1, 1, 1, 1), -100.0), torch.full((1, 1, 1, 1), -50.0)).item() == -125  # λ of it


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_the_papers_fusion_has_as_many_parameters_as_the_authors() -> None:
    fusion = DepthFusion([128, 256, 512])
    assert [parameters(part) for part in fusion.transforms] == [24_960, 41_600, 74_880]
    assert parameters(fusion) == 148_217_684 - 148_001_716  # their student less their teacher


@pytest.mark.parametrize("official", [True, False])
def test_a_started_transform_changes_nothing_and_learns(official: bool) -> None:
    part, features, prior = SFT(3, 2, official), torch.randn(2, 3, 4, 4), torch.randn(2, 2, 9, 7)
    part.start()
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
    initialise(fusion, torch.Generator().manual_seed(0))
    features = torch.ones(1, 4, 3, 3, requires_grad=True)
    fusion.at(0, features, fusion.prior(torch.full((1, 1, 8, 8), value))).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in (features, *fusion.parameters()))


def test_depth_that_is_too_small_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least 6x6, got 1 channels of 5x9; resize"):
        DepthPrior(0.125)(torch.zeros(1, 1, 5, 9))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(("channels", "way", "weight"), [([], "sft", 0.5), ([4], "film", 0.5), ([4], "dgf2", 2.0)])
def test_impossible_fusions_are_an_error(channels: list[int], way: str, weight: float) -> None:
    with pytest.raises(ValueError, match="expected a place or more"):
        DepthFusion(channels, way, weight)  # type: ignore[arg-type]


def guided(places: int, way: str = "dgf2") -> GuidedWideResNet38:
    backbone = WideResNet38(Normalise((0.5, 0.5, 0.5), (0.25, 0.25, 0.25)), width=0.0625)
    fusion = DepthFusion(backbone.channels[:places], way, width=0.125)  # type: ignore[arg-type]
    model = GuidedWideResNet38(backbone, fusion)
    initialise(model, torch.Generator().manual_seed(0))
    fusion.start()
    return model.eval()


def test_an_untaught_transform_leaves_the_backbone_as_it_was() -> None:
    model, images = guided(3, "sft"), torch.rand(1, 3, 24, 24)
    with torch.no_grad():
        seen, plain = model(images, torch.rand(1, 1, 24, 24)), model.backbone(images)
    for ours, alone in zip(seen.stages, plain, strict=True):
        torch.testing.assert_close(ours, alone)


@pytest.mark.parametrize("places", [1, 2, 3])
def test_the_map_to_distil_is_taken_before_depth_reaches_it(places: int) -> None:
    model = guided(places)
    with torch.no_grad():
        seen = model(torch.rand(1, 3, 24, 24), torch.rand(1, 3, 24, 24))
    assert torch.equal(seen.shallow, seen.stages[1]) == (places == 1)


def test_more_places_than_early_stages_are_an_error() -> None:
    backbone = WideResNet38(Normalise((0.5, 0.5, 0.5), (0.25, 0.25, 0.25)), width=0.0625)
    with pytest.raises(ValueError, match="at most 3 places"):
        GuidedWideResNet38(backbone, DepthFusion([8] * 4))
