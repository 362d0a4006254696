import numpy as np
import pytest
import torch
from tests.golden_near import assert_near
from torch import Tensor

from seglet.losses.distillation.afdcd import feature_distance, omni_contrastive_loss
from seglet.models.distillation.afdcd import FeatureMasking

Case = dict[str, np.ndarray]
THEIR_NAMES = {
    "align": "align",
    "redraw.0": "projetor.0",
    "redraw.2": "projetor.2",
    "redraw.first.0": "projetor.block_1.0",
    "redraw.second.0": "projetor.block_2.0",
    "redraw.early": "projetor.adpator_1",
    "redraw.late": "projetor.adpator_2",
}


def masking(case: Case, dtype: torch.dtype) -> FeatureMasking:
    channels = case["in_feat_S"].shape[1], case["in_feat_T"].shape[1]
    hidden = "random" if case["hp_rand_mask"] else "middle"
    net = FeatureMasking(*channels, hidden, float(case["hp_mask_ratio"]), bool(case["hp_enhance_projector"]))  # type: ignore[arg-type]
    names = {name: THEIR_NAMES[name.rpartition(".")[0]] + "." + name.rpartition(".")[2] for name in net.state_dict()}
    net.load_state_dict({name: torch.from_numpy(case[f"in_param__{theirs}"]) for name, theirs in names.items()})
    return net.to(dtype)


def terms(case: Case, dtype: torch.dtype) -> tuple[Tensor, dict[str, Tensor]]:
    student = torch.from_numpy(case["in_feat_S"]).to(dtype).requires_grad_()
    teacher = torch.from_numpy(case["in_feat_T"]).to(dtype)
    uniform = torch.from_numpy(case["in_mask_uniform"]) if case["hp_rand_mask"] else None
    redrawn = masking(case, dtype)(student, uniform)
    return student, {"fd": feature_distance(redrawn, teacher), "ctr": contrast(case, redrawn, teacher)}


def contrast(case: Case, redrawn: Tensor, teacher: Tensor) -> Tensor:
    """The authors cut maps of CamVid to 44 x 44 instead of pooling them."""
    whole = str(case["hp_dataset"]) == "camvid"
    maps = (redrawn[..., :44, :44], teacher[..., :44, :44]) if whole else (redrawn, teacher)
    pool = 1 if whole else int(case["hp_pool_size"])
    return omni_contrastive_loss(*maps, int(case["hp_M"]), float(case["hp_tau"]), pool, int(case["hp_patch"]))


@pytest.mark.golden("kd", "afdcd")
@pytest.mark.parametrize(("dtype", "rtol"), [(torch.float32, 1e-4), (torch.float64, 1e-9)])
@pytest.mark.parametrize("name", ["fd", "ctr"])
def test_matches_the_authors_numbers_and_gradients(case: Case, dtype: torch.dtype, rtol: float, name: str) -> None:
    student, values = terms(case, dtype)
    (gradient,) = torch.autograd.grad(values[name], student)
    assert_near(values[name], case[f"out_loss_{name}_f64"], rtol)
    assert_near(gradient, case[f"out_grad_feat_S__loss_{name}"], rtol)


def test_equal_channels_are_aligned_too() -> None:
    assert FeatureMasking(8, 8)(torch.randn(1, 8, 4, 4)).shape == (1, 8, 4, 4)


def test_a_wholly_hidden_map_has_no_effect() -> None:
    net = FeatureMasking(3, 4, share=1.0)
    maps, uniform = torch.randn(2, 1, 3, 4, 4), torch.full((1, 1, 4, 4), 0.5)
    assert torch.equal(net(maps[0], uniform), net(maps[1], uniform))


def test_the_middle_ninth_hides() -> None:
    visible = FeatureMasking(3, 4, "middle").visible(torch.zeros(1, 3, 3, 3), None, None)
    assert visible[0, 0].tolist() == [[True] * 3, [True, False, True], [True] * 3]


def test_a_generator_repeats_what_hides() -> None:
    net, maps = FeatureMasking(3, 4), torch.randn(1, 3, 8, 8)
    one, two = (net(maps, generator=torch.Generator().manual_seed(1)) for _ in range(2))
    assert torch.equal(one, two)


def test_a_share_beyond_one_is_refused() -> None:
    with pytest.raises(ValueError, match=r"share must lie in \[0, 1\], got 75"):
        FeatureMasking(3, 4, share=75)


@pytest.mark.usefixtures("unchecked")
def test_an_unknown_choice_of_pixels_is_refused() -> None:
    with pytest.raises(ValueError, match="no hidden pixels 'edge'; there are random, middle"):
        FeatureMasking(3, 4, "edge")  # type: ignore[arg-type]
