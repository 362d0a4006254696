import pytest
import torch
from torch import nn

from seglet.models.layers.dropout import Dropout, DropPath, has_active_dropout, noise_from

ONES = torch.ones(2, 64, 8, 8)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_dropout_keeps_the_mean_and_only_zeroes_or_rescales() -> None:
    dropped = Dropout(0.25)(ONES)
    assert dropped.unique().tolist() == pytest.approx([0, 4 / 3])
    assert dropped.mean() == pytest.approx(1, abs=0.03)


def test_dropout_rests_in_evaluation_mode_and_at_rate_zero() -> None:
    assert Dropout(0.5).eval()(ONES) is ONES
    assert Dropout(0.0)(ONES) is ONES


def test_channelwise_dropout_drops_whole_channels() -> None:
    dropped = Dropout(0.5, channelwise=True)(ONES).flatten(2)
    assert (dropped == dropped[:, :, :1]).all()


def test_drop_path_drops_whole_images() -> None:
    dropped = DropPath(0.5)(torch.ones(64, 3, 4)).flatten(1)
    assert (dropped == dropped[:, :1]).all()
    assert set(dropped[:, 0].tolist()) == {0.0, 2.0}


def test_the_same_generator_gives_the_same_masks() -> None:
    net = nn.Sequential(Dropout(0.5), Dropout(0.5))
    with noise_from(net, seeded()):
        first = net(ONES)
    with noise_from(net, seeded()):
        assert torch.equal(net(ONES), first)


def test_a_named_generator_leaves_the_global_one_alone() -> None:
    before = torch.get_rng_state()
    dropout = Dropout(0.5)
    with noise_from(dropout, seeded()):
        dropout(ONES)
    assert torch.equal(torch.get_rng_state(), before)


def test_generators_are_restored_even_after_an_error() -> None:
    dropout, mine = Dropout(0.5), seeded()
    dropout.generator = mine
    with pytest.raises(RuntimeError), noise_from(dropout, seeded(1)):
        raise RuntimeError
    assert dropout.generator is mine


def test_gradients_are_masked_as_the_values_are() -> None:
    values = ONES.clone().requires_grad_()
    dropped = Dropout(0.5)(values)
    dropped.sum().backward()
    assert values.grad is not None
    assert torch.equal(values.grad, dropped.detach())


@pytest.mark.parametrize("dropout", [Dropout(0.1), nn.Dropout(0.1), nn.Dropout2d(0.1)])
def test_ours_and_torch_dropouts_are_found(dropout: nn.Module) -> None:
    assert has_active_dropout(nn.Sequential(nn.Linear(1, 1), dropout))


@pytest.mark.parametrize("dropout", [Dropout(0.0), nn.Dropout(0.0), nn.Linear(1, 1), DropPath(0.5)])
def test_rate_zero_and_stochastic_depth_are_no_dropout(dropout: nn.Module) -> None:
    assert not has_active_dropout(nn.Sequential(dropout))


def test_a_rate_of_one_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\[0, 1\), got 1"):
        Dropout(1.0)
