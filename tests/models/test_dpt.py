"""DPT's head: resolutions, sizes as in UniMatch-V2, and what each tap reaches."""

import pytest
import torch

from seglet.models.architecture import Architecture
from seglet.models.heads.dpt import DPTHead, DPTWidths, MapJoin, ResidualConv
from seglet.models.segmenter import build
from seglet.types import Classes

CLASSES = Classes.named(["background", "cat"])
SMALL = DPTWidths((4, 4, 8, 8), 8)


def stages(side: int = 3) -> tuple[torch.Tensor, ...]:
    rng = torch.Generator().manual_seed(0)
    return tuple(torch.randn(2, 16, side, side + 1, generator=rng) for _ in range(4))


@pytest.mark.parametrize(
    ("inside", "taps", "joined"),
    [
        (384, (48, 96, 192, 384), 64),
        (768, (96, 192, 384, 768), 128),
        (1024, (256, 512, 1024, 1024), 256),
        (1536, (1536, 1536, 1536, 1536), 384),
    ],
)
def test_widths_are_those_of_unimatch_v2(inside: int, taps: tuple[int, ...], joined: int) -> None:
    assert DPTWidths.of(inside) == DPTWidths(taps, joined)  # type: ignore[arg-type]


def test_the_head_on_dinov2_base_has_the_eleven_million_weights_of_unimatch_v2() -> None:
    with torch.device("meta"):
        head = DPTHead((768,) * 4, DPTWidths.of(768), 150)
        idle = ResidualConv(128)  # theirs has one more beside the coarsest map, where nothing comes in
    weights = sum(weight.numel() for part in (head, idle) for weight in part.parameters())
    assert round(weights / 1e6, 1) == 11.0  # its log of ADE20K


def test_maps_are_eight_times_as_fine_as_the_patches() -> None:
    logits, feature = DPTHead((16,) * 4, SMALL, 5)(stages())
    assert (logits.shape, feature.shape) == ((2, 5, 24, 32), (2, 8, 24, 32))


def test_every_tap_reaches_the_logits() -> None:
    given = tuple(stage.requires_grad_() for stage in stages())
    DPTHead((16,) * 4, SMALL, 5)(given)[0].sum().backward()
    assert all(stage.grad is not None and stage.grad.abs().sum() > 0 for stage in given)


def test_a_residual_convolution_without_weights_changes_nothing() -> None:
    part = ResidualConv(4)
    for weight in part.parameters():
        torch.nn.init.zeros_(weight)
    maps = torch.randn(1, 4, 3, 3)
    assert torch.equal(part(maps), maps)


def test_maps_are_added_before_they_are_resized() -> None:
    join = MapJoin(1)
    for name, weight in join.named_parameters():
        torch.nn.init.constant_(weight, 1.0 if name == "mix.weight" else 0.0)
    found = join(torch.ones(1, 1, 2, 2), torch.full((1, 1, 2, 2), 2.0), (3, 3))
    assert torch.equal(found, torch.full((1, 1, 3, 3), 3.0))


def test_a_plain_transformer_takes_it_by_name() -> None:
    model = build(Architecture("dpt-clip_tiny", width=0.125), CLASSES)
    assert isinstance(model.network.head, DPTHead)
    assert model(torch.rand(1, 3, 32, 32)).shape == (1, 2, 32, 32)


def test_a_convolutional_network_does_not() -> None:
    with pytest.raises(ValueError, match="unknown network 'dpt-resnet18'"):
        Architecture("dpt-resnet18")
