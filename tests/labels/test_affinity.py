import pytest
import torch
from tests.golden_near import assert_near
from tests.labels.images import Case
from torch import Tensor

from seglet.labels.cam.affinity import agreeing_attention, refine_by_affinity, transition_matrix
from seglet.labels.cam.boxes import inside_boxes


def layers(case: Case) -> Tensor:
    """The last attention maps of a case, among patches."""
    return torch.from_numpy(case["attn_weights"][None, -int(case["attn_layers"]) :, 1:, 1:]).double()


def maps(case: Case) -> Tensor:
    return torch.from_numpy(case["attr_map"].T.reshape(1, -1, int(case["h"]), int(case["w"]))).double()


@pytest.mark.golden("weak", "caa_refine")
def test_transition_matches_the_authors_numbers(case: Case) -> None:  # computed in float32
    spread = transition_matrix(layers(case).mean(dim=1))[0]
    assert_near(spread, case["trans_mat_mean_attn"], 1e-5)


@pytest.mark.golden("weak", "caa_refine")
def test_refined_maps_match_the_authors_numbers(case: Case) -> None:  # computed in float32
    attention = layers(case).mean(dim=1)
    if "seg_attn" in case:
        attention = agreeing_attention(layers(case), torch.from_numpy(case["seg_attn"]).double())
    refined = refine_by_affinity(maps(case), attention, float(case["caa_thre"]))[0, case["cls_list"]]
    assert_near(refined, case["refined"], 1e-5)


@pytest.mark.golden("weak", "caa_refine")
def test_boxes_match_the_authors(case: Case) -> None:
    inside = inside_boxes(maps(case).float(), float(case["caa_thre"]))[0, case["cls_list"]]
    for i, own in enumerate(inside):
        expected = torch.zeros_like(own)
        for left, top, right, bottom in case[f"boxes_{i}"].tolist():
            expected[top:bottom, left:right] = True
        assert torch.equal(own, expected)


def one_map() -> Tensor:
    return torch.tensor([[[[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]]])


def test_without_attention_to_others_a_map_stays_inside_its_boxes() -> None:
    values = torch.rand(1, 2, 3, 4, generator=torch.Generator().manual_seed(0))
    refined = refine_by_affinity(values, torch.eye(12)[None], share=0.5)
    torch.testing.assert_close(refined, values * inside_boxes(values, 0.5))


def test_even_attention_spreads_a_map_evenly_on_grids_that_are_not_square() -> None:
    torch.testing.assert_close(refine_by_affinity(one_map(), torch.ones(1, 6, 6)), torch.full((1, 1, 2, 3), 1 / 6))


def test_transition_is_symmetric_and_nearly_balanced() -> None:
    spread = transition_matrix(torch.rand(2, 9, 9, generator=torch.Generator().manual_seed(0)) + 0.1)
    torch.testing.assert_close(spread, spread.mT)
    torch.testing.assert_close(spread.sum(dim=1), torch.ones(2, 9), rtol=1e-3, atol=0)


def test_patches_without_attention_and_empty_maps_stay_finite() -> None:
    assert refine_by_affinity(one_map(), torch.zeros(1, 6, 6)).eq(0).all()
    assert refine_by_affinity(torch.zeros(1, 1, 2, 3), torch.ones(1, 6, 6)).eq(0).all()
    assert refine_by_affinity(torch.ones(1, 1, 1, 1), torch.ones(1, 1, 1)).isfinite().all()


def test_half_precision_and_autocast_compute_in_single() -> None:
    attention = torch.rand(1, 6, 6, generator=torch.Generator().manual_seed(0))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = refine_by_affinity(one_map(), attention)
    assert torch.equal(inside, refine_by_affinity(one_map(), attention))
    assert refine_by_affinity(one_map().half(), attention.half()).dtype == torch.float32


def test_layers_weaker_than_most_do_not_count() -> None:
    strong, weak = torch.full((1, 1, 4, 4), 0.5), torch.full((1, 1, 4, 4), 0.1)
    mean = agreeing_attention(torch.cat([strong, strong, weak], dim=1), torch.full((1, 4, 4), 0.8))
    torch.testing.assert_close(mean, torch.full((1, 4, 4), 0.5 * 0.8), rtol=1e-5, atol=0)


@pytest.mark.usefixtures("unchecked")
def test_attention_with_the_class_token_is_refused() -> None:
    with pytest.raises(ValueError, match=r"attention \(1, 7, 7\) does not fit maps \(1, 1, 2, 3\); give \(1, 6, 6\)"):
        refine_by_affinity(one_map(), torch.ones(1, 7, 7))
