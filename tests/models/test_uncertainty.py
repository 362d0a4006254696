import copy

import pytest
import torch
from tests.models.tiny import NAMES, images, tiny
from torch import Tensor

from seglet.models.layers.dropout import Dropout, noise_from
from seglet.models.network import Network
from seglet.models.uncertainty import mc_deviation, mc_mean_and_deviation, mc_probabilities

BOTH = pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
ALL = pytest.mark.parametrize("name", NAMES)


def seeded(seed: int = 5) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def sharp(name: str, **changes: float) -> Network:
    """A tiny network in float64 whose logits differ between classes."""
    network = tiny(name, **changes).network.double()
    network.head.tail.classifier.weight.data.mul_(5)
    return network


@torch.no_grad()
def full_passes(network: Network, images: Tensor, samples: int) -> Tensor:
    """The plain way: the whole network again and again, on a copy that may update its statistics."""
    network = copy.deepcopy(network)
    for part in network.head.modules():
        part.training = part.training or isinstance(part, Dropout)
    with noise_from(network.head.tail, seeded()):
        return torch.stack([network(images).logits.softmax(1) for _ in range(samples)])


@ALL
@BOTH
def test_passes_equal_full_passes_exactly(name: str, training: bool) -> None:
    network, sources = sharp(name).train(training), images().double()
    trunk = network.embed(sources).trunk
    assert torch.equal(mc_probabilities(network, trunk, 3, seeded()), full_passes(network, sources, 3))


@ALL
@BOTH
@pytest.mark.parametrize("ddof", [0, 1])
def test_deviation_equals_that_of_full_passes(name: str, training: bool, ddof: int) -> None:
    network, sources = sharp(name).train(training), images().double()
    expected = full_passes(network, sources, 5).std(0, correction=ddof)
    deviation = mc_deviation(network, network.embed(sources).trunk, 5, seeded(), ddof)
    torch.testing.assert_close(deviation, expected, rtol=1e-12, atol=1e-15)
    assert deviation.max() > 0.01


def test_mean_is_that_of_the_passes() -> None:
    network = sharp("pspnet-resnet18").eval()
    trunk = network.embed(images().double()).trunk
    mean, _ = mc_mean_and_deviation(network, trunk, 4, seeded())
    torch.testing.assert_close(mean, mc_probabilities(network, trunk, 4, seeded()).mean(0), rtol=1e-12, atol=0)


def test_small_deviations_are_not_lost_in_single_precision() -> None:
    network = tiny("pspnet-resnet18").network.eval()
    network.head.tail.classifier.weight.data.mul_(1e-5)
    trunk = network.embed(images()).trunk
    exact = mc_probabilities(network.double(), trunk.double(), 5, seeded()).std(0)
    assert mc_deviation(network.float(), trunk, 5, seeded()).mean() < 3 * exact.mean() + 1e-7


def test_one_sample_has_deviation_zero() -> None:
    network = tiny().network
    assert mc_deviation(network, network.embed(images()).trunk, 1, seeded()).eq(0).all()


@ALL
def test_no_statistics_and_no_mode_change(name: str) -> None:
    network = tiny(name).network.train()
    trunk = network.embed(images()).trunk
    before, modes = copy.deepcopy(network.state_dict()), [part.training for part in network.modules()]
    mc_deviation(network, trunk, 3, seeded())
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())
    assert [part.training for part in network.modules()] == modes
    assert all(part.track_running_stats for part in network.modules() if isinstance(part, torch.nn.BatchNorm2d))


def test_passes_carry_no_gradient_and_leave_that_of_the_trunk_possible() -> None:
    network = tiny().network.train()
    trunk = network.embed(images()).trunk
    assert not mc_deviation(network, trunk, 2, seeded()).requires_grad
    network.classify(trunk)[0].sum().backward()


def test_only_the_last_dropout_acts_if_asked() -> None:
    network = sharp("deeplabv3-resnet18").eval()
    trunk = network.embed(images().double()).trunk
    ours = mc_probabilities(network, trunk, 3, seeded(), sites="last")
    network.head.tail.body.dropout.p = 0.0
    assert torch.equal(ours, mc_probabilities(network, trunk, 3, seeded()))


def test_more_uncertain_dropout_gives_more_deviation() -> None:
    means = []
    for rate in (0.05, 0.4):
        network = sharp("segformer-mit_b0", dropout=rate).eval()
        means.append(mc_deviation(network, network.embed(images().double()).trunk, 20, seeded()).mean())
    assert means[0] < means[1]


def test_a_head_without_dropout_is_an_error() -> None:
    network = tiny(dropout=0.0, aspp_dropout=0.0).network
    with pytest.raises(ValueError, match="no dropout"):
        mc_deviation(network, network.embed(images()).trunk, 2, seeded())


def test_equal_passes_are_an_error() -> None:
    network = tiny("pspnet-resnet18").network
    nothing = torch.zeros_like(network.embed(images()).trunk)
    with pytest.raises(ValueError, match="all 2 Monte-Carlo passes are equal"):
        mc_deviation(network, nothing, 2, seeded())
    with pytest.raises(ValueError, match="are equal"):
        mc_probabilities(network, nothing, 2, seeded())


def test_no_sample_is_an_error() -> None:
    network = tiny().network
    with pytest.raises(ValueError, match="at least 1"):
        mc_deviation(network, network.embed(images()).trunk, 0, seeded())
