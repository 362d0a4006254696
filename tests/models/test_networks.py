import json

import pytest
import torch
from tests.models.tiny import NAMES as KINDS
from tests.models.tiny import images, tiny
from torch import nn

from seglet.models.architecture import NETWORK_NAMES, Architecture
from seglet.models.assembly import assemble_network
from seglet.models.layers.normalise import Normalise
from seglet.models.segmenter import build


@pytest.mark.parametrize("name", KINDS)
def test_embed_then_finish_is_forward(name: str) -> None:
    network, sources = tiny(name).network.eval(), images()
    logits, feature = network.classify(network.embed(sources).trunk)
    whole = network(sources)
    assert torch.equal(whole.logits, logits)
    assert torch.equal(whole.feature, feature)


@pytest.mark.parametrize(
    ("name", "stride"), [("deeplabv3-resnet18", 8), ("pspnet-resnet50", 8), ("segformer-mit_b1", 4)]
)
def test_logits_stand_on_the_heads_own_grid(name: str, stride: int) -> None:
    assert tiny(name).network(images(2, 64, 96)).logits.shape == (2, 3, 64 // stride, 96 // stride)


def test_output_stride_16_halves_the_grid() -> None:
    assert tiny(output_stride=16).network(images(2, 64, 64)).logits.shape[2:] == (4, 4)


@pytest.mark.parametrize("size", [(32, 33), (65, 47)])
@pytest.mark.parametrize("name", KINDS)
def test_any_size_from_32_pixels_passes(name: str, size: tuple[int, int]) -> None:
    assert tiny(name)(images(2, *size)).shape == (2, 3, *size)


@pytest.mark.parametrize("name", NETWORK_NAMES)
def test_every_name_builds(name: str) -> None:
    with torch.device("meta"):
        assert sum(part.numel() for part in assemble_network(Architecture(name, width=0.25), 3).parameters()) > 0


def test_the_auxiliary_head_runs_in_training_only() -> None:
    network = tiny().network
    assert network.train()(images()).auxiliary is not None
    assert network.eval()(images()).auxiliary is None


def test_the_auxiliary_head_can_be_left_out() -> None:
    assert tiny(auxiliary=False).network.train()(images()).auxiliary is None


@pytest.mark.parametrize("name", KINDS)
def test_gradients_reach_every_parameter(name: str) -> None:
    network = tiny(name).network.train()
    prediction = network(images(2, 64, 64))
    terms = [prediction.logits, *([] if prediction.auxiliary is None else [prediction.auxiliary])]
    sum(term.square().mean() for term in terms).backward()
    assert [name for name, parameter in network.named_parameters() if parameter.grad is None] == []


def test_one_image_alone_cannot_train_a_head_that_pools_it_to_a_pixel() -> None:
    with pytest.raises(ValueError, match="at least 2 images"):
        tiny().network.train()(images(1))


def test_normalise_subtracts_then_divides_and_turns_channels_around() -> None:
    image = torch.tensor([0.1, 0.2, 0.3]).view(1, 3, 1, 1)
    normalised = Normalise((0.3, 0.1, 0.1), (1.0, 0.5, 1.0), bgr=True)(image)
    torch.testing.assert_close(normalised.flatten(), torch.tensor([0.0, 0.2, 0.0]))


def test_the_input_convention_is_no_weight() -> None:
    assert Normalise().state_dict() == {}


def test_weights_depend_on_the_seed_alone() -> None:
    before = torch.get_rng_state()
    first = tiny()
    assert torch.equal(torch.get_rng_state(), before)
    same = [torch.equal(a, b) for a, b in zip(first.parameters(), tiny().parameters(), strict=True)]
    assert all(same)


def test_another_seed_gives_other_weights_but_the_same_norms() -> None:
    first, other = tiny(), build(tiny().architecture, tiny().classes, seed=1)
    for mine, theirs in zip(first.modules(), other.modules(), strict=True):
        if isinstance(mine, nn.Conv2d) and isinstance(theirs, nn.Conv2d):
            assert not torch.equal(mine.weight, theirs.weight)
        if isinstance(mine, nn.BatchNorm2d) and isinstance(theirs, nn.BatchNorm2d):
            assert mine.weight.eq(1).all()
            assert theirs.running_var is not None
            assert theirs.running_var.eq(1).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "deeplab-resnet18"}, "did you mean 'deeplabv3-resnet18'"),
        ({"output_stride": 4}, "8 or 16 for deeplabv3-resnet18, got 4"),
        ({"width": 0.0}, "network width above 0"),
        ({"dropout": 1.0}, r"`dropout` in \[0, 1\)"),
        ({"std": (1.0, 0.0, 1.0)}, "positive `std`"),
    ],
)
def test_an_impossible_architecture_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Architecture(**{"name": "deeplabv3-resnet18", **changes})  # type: ignore[arg-type]


def test_an_architecture_survives_json() -> None:
    architecture = Architecture("segformer-mit_b2", width=0.5, bgr=True)
    assert Architecture.from_dict(json.loads(json.dumps(architecture.as_dict()))) == architecture


def test_an_unknown_key_of_an_architecture_names_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"'widht' .* did you mean 'width'"):
        Architecture.from_dict({"name": "pspnet-resnet18", "widht": 1.0})
