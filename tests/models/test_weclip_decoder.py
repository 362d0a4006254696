import numpy as np
import pytest
import torch
from tests.golden_near import assert_near
from tests.models.authors import copy_weights, named
from torch import Tensor, nn

from seglet.models.heads.weclip_decoder import (
    DecoderBlock,
    LargeFieldClassifier,
    LayerFusion,
    TransformerClassifier,
    WeCLIPDecoder,
)
from seglet.models.layers.patch_features import cosine_affinity, product_affinity

Case = dict[str, np.ndarray]
PARTS = {"attn.out_proj": "out", "ln_1": "norm1", "ln_2": "norm2", "mlp.c_fc": "widen", "mlp.c_proj": "narrow"}


def names(layers: int, blocks: int) -> dict[str, str]:
    fusion = {f"fuse.linears_modulelist.{i}.proj": f"fusion.layers.{i}.first" for i in range(layers)}
    fusion |= {f"fuse.linears_modulelist.{i}.proj_2": f"fusion.layers.{i}.second" for i in range(layers)}
    tail = "tail.classifier"
    decoder = {
        f"dec.transformer.resblocks.{i}.{theirs}": f"{tail}.blocks.{i}.{ours}"
        for i in range(blocks)
        for theirs, ours in PARTS.items()
    }
    return fusion | decoder | {"fuse.linear_fuse": "fusion.fuse", "dec.linear_pred": f"{tail}.classifier"}


def authors(case: Case) -> WeCLIPDecoder:
    """The decoder of a case; theirs keeps queries, keys and values in parameters without a module."""
    layers, _, inside = case["tokens"].shape[:3]
    hidden, classes, blocks = case["fused"].shape[1], case["logits"].shape[1], len(case["attn_weights"])
    classifier = TransformerClassifier(hidden, classes, blocks, int(case["heads"]))
    decoder = WeCLIPDecoder(LayerFusion(inside, layers, hidden), classifier).double().eval()
    joint = {name: value for name, value in case.items() if "in_proj" in name}
    weights = named({name: value for name, value in case.items() if name not in joint}, names(layers, blocks))
    for name, value in joint.items():
        block, part = name.split("__")[4], name.rpartition("_")[2]
        weights[f"tail.classifier.blocks.{block}.query_key_value.{part}"] = torch.from_numpy(value)
    copy_weights(decoder, weights)
    return decoder


def layers_of(case: Case) -> tuple[Tensor, ...]:
    return (*torch.from_numpy(case["tokens"]).double(),)


@pytest.mark.golden("weak", "weclip_decoder")
def test_fused_features_and_logits_are_the_authors(case: Case) -> None:
    """Computed in float32, but for the projection behind attention, in half precision: hence the wide tolerance."""
    logits, fused = authors(case)(layers_of(case))
    assert_near(fused, case["fused"], 1e-5)
    assert_near(logits, case["logits"], 2e-3)


@pytest.mark.golden("weak", "weclip_decoder")
def test_attention_and_both_affinities_are_the_authors(case: Case) -> None:  # computed as above
    decoder = authors(case)
    _, fused = decoder(layers_of(case))
    attention = decoder.tail.classifier.attention(fused).transpose(0, 1)  # type: ignore[operator]
    assert_near(attention, case["attn_weights"], 1e-3)
    assert_near(product_affinity(fused), case["attn_pred_weclip"], 1e-5)
    assert_near(cosine_affinity(fused), case["attn_pred_excel"], 1e-5)


def small(classifier: nn.Module) -> WeCLIPDecoder:
    return WeCLIPDecoder(LayerFusion(4, 3, 8), classifier)


def layers() -> tuple[Tensor, ...]:
    return (*torch.rand(3, 2, 4, 5, 6, generator=torch.Generator().manual_seed(0)),)


@pytest.mark.parametrize("classifier", [TransformerClassifier(8, 3, heads=2), LargeFieldClassifier(8, 3, 16)])
def test_logits_stand_on_the_grid_and_gradients_reach_every_parameter(classifier: nn.Module) -> None:
    decoder = small(classifier)
    logits, feature = decoder(layers())
    assert logits.shape == (2, 3, 5, 6)
    assert feature.shape == (2, 8, 5, 6)
    logits.square().sum().backward()
    assert [name for name, parameter in decoder.named_parameters() if parameter.grad is None] == []


def test_only_training_passes_differ() -> None:
    decoder = small(TransformerClassifier(8, 3, heads=2))
    decoder.tail.dropout.generator = torch.Generator().manual_seed(0)  # some seeds drop nothing twice
    trunk = decoder.stem(layers())
    assert torch.equal(trunk, decoder.stem(layers()))
    assert not torch.equal(decoder.tail(trunk)[0], decoder.tail(trunk)[0])
    decoder.eval()
    assert torch.equal(decoder.tail(trunk)[0], decoder.tail(trunk)[0])


def test_published_sizes_hold_this_many_parameters() -> None:
    with torch.device("meta"):
        decoder = WeCLIPDecoder(LayerFusion(768, 12), TransformerClassifier(256, 21))
    mlps, fuse = 12 * (768 * 256 + 256 + 256 * 256 + 256), 12 * 256 * 256 + 256
    blocks, out = 3 * (12 * 256 * 256 + 13 * 256), 21 * 256 + 21
    assert sum(parameter.numel() for parameter in decoder.parameters()) == mlps + fuse + blocks + out


def test_affinities_of_dead_features_are_even() -> None:
    assert cosine_affinity(torch.zeros(1, 4, 2, 2)).eq(0.5).all()
    assert product_affinity(torch.zeros(1, 4, 2, 2).half()).dtype == torch.float32


def test_affinities_keep_their_precision_under_autocast() -> None:
    feature = torch.rand(1, 8, 3, 3, generator=torch.Generator().manual_seed(0))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = cosine_affinity(feature), product_affinity(feature)
    assert torch.equal(inside[0], cosine_affinity(feature))
    assert torch.equal(inside[1], product_affinity(feature))


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="reads 3 layers, got 2"):
        LayerFusion(4, 3, 8)(layers()[:2])
    with pytest.raises(ValueError, match="8 channels do not divide into 3 heads"):
        DecoderBlock(8, 3)
