import pytest
import torch

from seglet.models.architecture import Architecture
from seglet.models.assembly import build_backbone
from seglet.models.backbones.mit import EfficientAttention, MixTransformer, last_attention

IMAGES = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def backbone(last_stride: int | None = 16) -> MixTransformer:
    built = build_backbone(Architecture("segformer-mit_b1", width=0.25, last_stride=last_stride)).eval()
    assert isinstance(built, MixTransformer)
    return built


@pytest.mark.parametrize(("last_stride", "sides"), [(None, [16, 8, 4, 2]), (16, [16, 8, 4, 4]), (8, [16, 8, 8, 8])])
def test_stages_beyond_the_last_stride_keep_the_grid(last_stride: int | None, sides: list[int]) -> None:
    assert [stage.shape[2] for stage in backbone(last_stride)(IMAGES)] == sides


def test_attention_of_the_last_blocks_is_collected_and_changes_nothing() -> None:
    network = backbone()
    with last_attention(network) as found:
        stages = network(IMAGES)
    assert [tuple(each.shape) for each in found] == [(1, 8, 16, 16)] * 2
    assert torch.equal(network(IMAGES)[-1], stages[-1])
    assert len(found) == 2  # nothing is collected outside the block


def test_the_softmax_of_scaled_products_mixes_the_values() -> None:
    layer = EfficientAttention(8, heads=2, reduction=1)
    tokens = torch.rand(1, 4, 8, generator=torch.Generator().manual_seed(1))
    value = layer.key_value(tokens)[..., 8:].unflatten(2, (2, -1)).transpose(1, 2)
    shares = (layer.products(tokens, (2, 2)) / 4**0.5).softmax(dim=3)  # 8 channels, 2 heads
    mixed = layer.out((shares @ value).transpose(1, 2).flatten(2))
    torch.testing.assert_close(layer(tokens, (2, 2)), mixed)


def test_a_saved_network_keeps_its_last_stride_and_older_ones_need_none() -> None:
    described = Architecture("segformer-mit_b1", last_stride=16).as_dict()
    assert Architecture.from_dict(described).last_stride == 16
    assert "last_stride" not in Architecture("segformer-mit_b1").as_dict()


def test_other_networks_have_no_last_stride() -> None:
    with pytest.raises(ValueError, match="of a Mix Transformer alone; got 16 of pspnet-resnet18"):
        Architecture("pspnet-resnet18", last_stride=16)
