import pytest
import torch

from seglet.models.layers.attention_fusion import AttentionFusion, fuse_attention

OWN = torch.tensor([[[[0.2, 0.3, 0.5], [0.1, 0.6, 0.3], [0.4, 0.2, 0.4]]]])
OTHER = torch.tensor([[[0.9, 0.1], [0.5, 0.5]]])


def patches(how: AttentionFusion, weight: float = 1.0) -> list[float]:
    """The block among patches, row after row."""
    return [round(value, 6) for value in fuse_attention(OWN, OTHER, how, weight)[0, 0, 1:, 1:].flatten().tolist()]


def test_each_fusion_is_its_formula() -> None:
    assert patches("own") == [0.6, 0.3, 0.2, 0.4]
    assert patches("other") == [0.9, 0.1, 0.5, 0.5]
    assert patches("gating") == [0.9, 0.3, 0.2, 0.4]  # the mean is 0.5
    assert patches("scaling") == [0.54, 0.03, 0.1, 0.2]
    assert patches("sum", 2) == [2.4, 0.5, 1.2, 1.4]


def test_normalisation_is_a_softmax_over_the_patches_of_the_sum() -> None:
    expected = torch.tensor([[1.5, 0.4], [0.7, 0.9]]).softmax(dim=1)
    assert patches("normalisation") == pytest.approx(expected.flatten().tolist(), abs=1e-6)


@pytest.mark.parametrize("how", ["own", "other", "gating", "scaling", "normalisation", "sum"])
def test_the_class_token_and_what_was_given_stay_as_they_were(how: AttentionFusion) -> None:
    before = OWN.clone()
    fused = fuse_attention(OWN, OTHER, how)
    assert torch.equal(fused[..., 0, :], OWN[..., 0, :])
    assert torch.equal(fused[..., 0], OWN[..., 0])
    assert torch.equal(OWN, before)


def test_at_weight_zero_the_very_tensor_comes_back() -> None:
    assert fuse_attention(OWN, OTHER, weight=0) is OWN


def test_half_precision_stays_what_it_is_and_all_heads_are_fused_alike() -> None:
    fused = fuse_attention(OWN.expand(1, 3, 3, 3).half(), OTHER)
    assert fused.dtype == torch.float16
    assert torch.equal(fused[:, 0], fused[:, 2])


@pytest.mark.usefixtures("unchecked")
def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"attention \(1, 3, 3\) does not fit \(1, 1, 3, 3\); give \(1, 2, 2\)"):
        fuse_attention(OWN, OWN[:, 0])
    with pytest.raises(ValueError, match="there is no fusion 'add'"):
        fuse_attention(OWN, OTHER, "add")  # type: ignore[arg-type]
