"""Vision transformers, ViLa's decoder, and weights to start them from."""

from pathlib import Path

import pytest
import torch
from jaxtyping import config
from safetensors.torch import save_file
from tests.models.foundation.makers import save_clip
from tests.models.tiny import CLASSES, images, tiny
from torch import Tensor, nn

from seglet.models.architecture import DepthGuidance
from seglet.models.backbones import vit
from seglet.models.backbones.variants import VISION_TRANSFORMERS, VisionTransformerShape
from seglet.models.foundation.clip import ImageTextEncoder
from seglet.models.foundation.image_input import round_to_multiple
from seglet.models.heads.vila import CaptionFusion, CaptionStates, position_encoding, run_streams, stream_map_channels
from seglet.models.segmenter import Architecture, Segmenter, build, load
from seglet.models.student import StudentConfig, build_student

NAME = "vila-clip_tiny"


def fusion(text: int = 5) -> CaptionFusion:
    torch.manual_seed(0)
    return CaptionFusion(8, text)


def text(count: int = 2, length: int = 3, width: int = 5) -> CaptionStates:
    states = torch.randn(count, length, width, generator=torch.Generator().manual_seed(2))
    return CaptionStates(states, torch.ones(count, length, dtype=torch.bool))


def small() -> Segmenter:
    return tiny(NAME).eval()


def test_logits_are_four_times_as_fine_as_the_patches() -> None:
    output = small().network(images(height=48, width=64))
    assert output.logits.shape == (2, 3, 24, 32)
    assert output.feature.shape == (2, 4, 24, 32)


def test_sides_that_no_patch_divides_are_resized() -> None:
    assert small()(images(height=37, width=50)).shape == (2, 3, 37, 50)


class Whole(nn.Module):
    """A segmenter by the one signature that graphs are traced by."""

    def __init__(self, model: Segmenter) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        found: Tensor = self.model(images)
        return found


def test_a_graph_of_any_number_height_and_width_can_be_traced_and_rounds_sides_as_the_network_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(config, "jaxtyping_disable", True)  # sizes are symbols while a graph is traced
    network, free = small(), torch.export.Dim.DYNAMIC
    shapes = {"images": {0: free, 2: free, 3: free}}
    graph = torch.export.export(Whole(network).eval(), (images(height=48, width=64),), dynamic_shapes=shapes).module()
    for height, width in ((48, 64), (37, 50), (13, 20)):
        given = images(3, height=height, width=width)
        assert torch.allclose(graph(given), network(given), atol=1e-5)


@pytest.mark.parametrize(("side", "near"), [(1, 8), (11, 8), (12, 16), (13, 16), (20, 24)])
def test_sides_go_to_the_nearest_multiple_and_the_larger_of_two(side: int, near: int) -> None:
    assert round_to_multiple((side, 8), 8) == (near, 8)


def test_with_text_the_visual_stream_is_the_network_bit_for_bit() -> None:
    network = small().network
    both = run_streams(network, fusion(), images(), text())
    assert torch.equal(both.visual.logits, network(images()).logits)
    assert both.fused is not None
    assert not torch.equal(both.fused.logits, both.visual.logits)


def test_without_text_there_is_one_stream() -> None:
    assert run_streams(small().network, fusion(), images(), None).fused is None
    assert run_streams(small().network, None, images(), text()).fused is None


def test_padding_is_not_read() -> None:
    given = text()
    longer = CaptionStates(
        torch.cat((given.states, torch.randn(2, 2, 5)), 1), torch.tensor([[True] * 3 + [False] * 2] * 2)
    )
    tokens = torch.rand(2, 8, 3, 3)
    torch.testing.assert_close(fusion()(tokens, longer), fusion()(tokens, given))


def test_no_token_at_all_gives_numbers() -> None:
    given = text()
    nothing = CaptionStates(given.states, torch.zeros(2, 3, dtype=torch.bool))
    assert torch.isfinite(fusion()(torch.rand(2, 8, 3, 3), nothing)).all()


def test_text_of_another_width_names_the_key_to_change() -> None:
    with pytest.raises(ValueError, match="set text_width: 5"):
        fusion(text=7)(torch.rand(2, 8, 3, 3), text())


def test_a_head_without_a_fusion_stream_reads_no_captions() -> None:
    with pytest.raises(ValueError, match="choose student: vila-"):
        run_streams(tiny("pspnet-resnet18").network, fusion(), images(), text())


def test_another_head_has_a_visual_stream_of_its_feature_and_logits() -> None:
    network = tiny("pspnet-resnet18").network.eval()
    both, plain = run_streams(network, None, images(), None), network(images())
    assert both.fused is None
    assert torch.equal(both.visual.logits, plain.logits)
    assert torch.equal(both.visual.maps, plain.feature)
    assert stream_map_channels(network) == both.visual.maps.shape[1]


def test_maps_before_a_classifier_that_is_no_convolution_are_refused() -> None:
    with pytest.raises(ValueError, match="ends in a ForegroundClassifier; choose another student"):
        stream_map_channels(tiny("ssss-resnet18").network)


def test_tokens_know_where_they_stand() -> None:
    table = position_encoding(8, (3, 4), torch.zeros(1))
    assert torch.equal(table[:4, 1, 0], table[:4, 1, 3])
    assert torch.equal(table[4:, 0, 2], table[4:, 2, 2])
    assert len({tuple(table[:, y, x].tolist()) for y in range(3) for x in range(4)}) == 12


def test_gradients_reach_both_streams_and_what_they_share() -> None:
    network, asks = tiny(NAME).network, fusion()
    both = run_streams(network, asks, images(), text())
    assert both.fused is not None
    (both.visual.logits.sum() + both.fused.logits.square().sum()).backward()
    parts = [*network.named_parameters(), *asks.named_parameters()]
    unread = {"backbone.whole.weight", "backbone.positions.weight"}
    assert [name for name, p in parts if p.grad is None and name not in unread] == []


def test_a_saved_network_loads_and_predicts_the_same(tmp_path: Path) -> None:
    network = small()
    network.save(tmp_path / "net")
    assert torch.equal(load(tmp_path / "net")(images()), network(images()))


def guided(way: str, places: int) -> Segmenter:
    return build(Architecture("ssss-clip_tiny", width=0.125, depth=DepthGuidance(way, places)), CLASSES).eval()  # type: ignore[arg-type]


def with_depth(depth: float) -> Tensor:
    return torch.cat((images(), torch.full((2, 1, 32, 32), depth)), dim=1)


def test_depth_guides_the_patches_behind_the_first_taps_alone() -> None:
    """As it starts, the transform is the identity, and so `sft` changes nothing; both taps before and after agree."""
    unguided, plain = guided("sft", 1), tiny("ssss-clip_tiny").eval()
    unguided.network.load_state_dict(plain.network.state_dict(), strict=False)
    features = unguided.network.backbone.forward_stages(with_depth(0.3))
    for mine, own, theirs in zip(features.stages, features.unguided, plain.network.backbone(images()), strict=True):
        torch.testing.assert_close(mine, theirs)
        torch.testing.assert_close(own, theirs)


@pytest.mark.parametrize(("places", "changed"), [(1, [True, False, False, False]), (3, [True, True, True, False])])
def test_a_stage_changes_where_depth_guides_it(places: int, changed: list[bool]) -> None:
    features = guided("dgf2", places).network.backbone.forward_stages(with_depth(0.3))
    # a normalisation follows the first and the last tap, so a patch scaled as a whole may look the same there
    differs = [own is not stage for own, stage in zip(features.unguided, features.stages, strict=True)]
    assert differs == changed


def test_depth_changes_the_masks() -> None:
    network = guided("dgf2", 3)
    for transform in network.network.backbone.fusion.transforms:  # type: ignore[union-attr]
        transform.shift[-1].weight.data.fill_(0.1)  # type: ignore[union-attr, index]
    assert not torch.allclose(network(with_depth(0.2)), network(with_depth(0.8)))
    with pytest.raises(ValueError, match="give depth as a fourth plane"):
        network(images())


@pytest.fixture(scope="module")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture
def as_the_toy(monkeypatch: pytest.MonkeyPatch) -> None:
    """`clip_tiny` with the shape of the random CLIP of these tests."""
    monkeypatch.setattr(vit, "_EXPANSION", 2)
    monkeypatch.setitem(
        VISION_TRANSFORMERS, "clip_tiny", VisionTransformerShape(4, 4, 4, 8, 4, (0, 1, 2, 3), clip=True)
    )


def student(weights: str | Path, name: str = NAME) -> Segmenter:
    config = StudentConfig(student=name, student_weights=str(weights))
    return build_student(config, CLASSES, 0)


def test_the_image_encoder_of_a_clip_has_clips_features(clip_folder: Path, as_the_toy: None) -> None:
    backbone = student(clip_folder).network.backbone
    assert isinstance(backbone, vit.VisionTransformer)
    backbone.norms = nn.ModuleList(nn.Identity() for _ in range(4))
    layers = ImageTextEncoder.load(clip_folder).image(images()).layers
    for mine, theirs in zip(backbone(images()), layers, strict=True):
        torch.testing.assert_close(mine, theirs)


def test_the_input_of_a_clip_is_kept(clip_folder: Path, as_the_toy: None) -> None:
    assert student(clip_folder).architecture.mean == pytest.approx((0.4815, 0.4578, 0.4082), abs=1e-4)


def test_another_clip_is_refused_with_what_differs(clip_folder: Path) -> None:
    with pytest.raises(ValueError, match=r"does not fit this backbone: it has no 'encoder\.layers\.4"):
        student(clip_folder)


def timm_names(backbone: vit.VisionTransformer) -> dict[str, Tensor]:
    """Returns these weights under timm's names."""
    renamed = {}
    for name, tensor in backbone.state_dict().items():
        new = name.replace("whole.weight", "cls_token").replace("positions.weight", "pos_embed")
        new = new.replace("patches.", "patch_embed.proj.").replace("attention.query_key_value", "attn.qkv")
        new = new.replace("attention.out", "attn.proj").replace("perceptron.0", "mlp.fc1")
        renamed[new.replace("perceptron.2", "mlp.fc2")] = tensor[None] if new in ("cls_token", "pos_embed") else tensor
    return renamed


def test_files_of_timm_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(VISION_TRANSFORMERS, "vit_b16", VisionTransformerShape(8, 2, 2, 8, 4, (0, 0, 1, 1), clip=False))
    teaching = build(Architecture("vila-vit_b16"), CLASSES, seed=3).network.backbone
    assert isinstance(teaching, vit.VisionTransformer)
    save_file(timm_names(teaching), tmp_path / "timm.safetensors")
    learnt = student(tmp_path / "timm.safetensors", "vila-vit_b16").network.backbone
    assert torch.equal(learnt.blocks[1].perceptron[0].weight, teaching.blocks[1].perceptron[0].weight)  # type: ignore[union-attr, index]
    assert learnt.normalise.mean.flatten().tolist() == [0.5, 0.5, 0.5]


def test_a_segmenter_is_a_start_too(tmp_path: Path) -> None:
    build(Architecture(NAME), CLASSES, seed=5).save(tmp_path / "net")
    started = student(tmp_path / "net").eval()
    assert torch.equal(started(images()), load(tmp_path / "net")(images()))


def test_captions_are_concatenated_padded_to_the_longest() -> None:
    short = CaptionStates(torch.ones(1, 1, 2), torch.ones(1, 1, dtype=torch.bool))
    long = CaptionStates(torch.ones(1, 3, 2), torch.ones(1, 3, dtype=torch.bool))
    both = CaptionStates.cat([short, long])
    assert both.states.sum(dim=2).tolist() == [[2, 0, 0], [2, 2, 2]]
    assert both.valid.tolist() == [[True, False, False], [True, True, True]]


def test_maps_of_several_sizes_are_brought_to_the_grid_of_the_third() -> None:
    network = tiny("vila-efficientnet_lite0").network.eval()  # strides of 4, 8, 8 and 8
    both = run_streams(network, None, torch.rand(1, 3, 64, 96), None)
    assert both.visual.tokens.shape[-2:] == (8, 12)
    assert both.visual.logits.shape[-2:] == (32, 48)
