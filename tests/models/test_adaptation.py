"""Networks adapt to images without labels."""

import pytest
import torch
from tests.models.tiny import images, tiny

from seglet.models.adaptation import (
    ChannelMoments,
    entropy,
    minimise_entropy,
    reestimate_batch_norms,
    train_on_own_labels,
)
from seglet.models.freezing import batch_norms


def first_norm(network):
    return next(batch_norms(network))


def test_moments_are_those_of_all_batches_together():
    values = (
        torch.randn(6, 3, 4, 5, generator=torch.Generator().manual_seed(0)) + torch.arange(6.0)[:, None, None, None]
    )
    moments = ChannelMoments(3)
    for batch in values.split([1, 2, 3]):
        moments.add(batch)
    flat = values.double().transpose(0, 1).flatten(1)
    torch.testing.assert_close(moments.mean, flat.mean(1))
    torch.testing.assert_close(moments.variance, flat.var(1))


def test_statistics_become_those_of_the_images_whatever_their_batches():
    batch = images(4) * 0.1
    seen = []
    for sizes in ([4], [2, 2]):
        network = tiny("pspnet-resnet18").network
        handle = first_norm(network).register_forward_pre_hook(lambda _, given: seen.append(given[0]))
        reestimate_batch_norms(network, batch.split(sizes))
        handle.remove()
        whole = torch.cat(seen[-len(sizes) :]).transpose(0, 1).flatten(1)
        torch.testing.assert_close(first_norm(network).running_mean, whole.mean(1), rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(first_norm(network).running_var, whole.var(1), rtol=1e-4, atol=1e-7)
        assert not network.training


def test_a_blend_keeps_a_share_of_the_old_statistics():
    old = tiny("pspnet-resnet18").network
    new, half = tiny("pspnet-resnet18").network, tiny("pspnet-resnet18").network
    reestimate_batch_norms(new, [images(2) * 0.1])
    reestimate_batch_norms(half, [images(2) * 0.1], blend=0.5)
    expected = (first_norm(old).running_mean + first_norm(new).running_mean) / 2
    torch.testing.assert_close(first_norm(half).running_mean, expected)
    with pytest.raises(ValueError, match="no images"):
        reestimate_batch_norms(new, [])
    with pytest.raises(ValueError, match="from 0 to 1"):
        reestimate_batch_norms(new, [images()], blend=2)


def test_a_network_without_batch_norms_says_so():
    network = tiny("pspnet-resnet18").network
    for norm in batch_norms(network):
        norm.running_mean = None
    with pytest.raises(ValueError, match="no batch norm"):
        reestimate_batch_norms(network, [images()])


def test_entropy_is_one_where_nothing_is_known_and_zero_where_all_is():
    logits = torch.tensor([[0.0, 100.0], [0.0, 0.0], [0.0, 0.0]]).T[:, None].reshape(1, 2, 1, 3)[:, :, :, :2]
    even = torch.zeros(1, 4, 1, 1)
    assert entropy(even).item() == pytest.approx(1)
    assert entropy(torch.tensor([0.0, 100.0]).reshape(1, 2, 1, 1)).item() == pytest.approx(0, abs=1e-6)
    assert entropy(logits).shape == (1, 1, 2)


def test_tent_makes_predictions_surer_by_scale_and_shift_alone():
    network = tiny("pspnet-resnet18").network
    before = {name: value.clone() for name, value in network.state_dict().items()}
    found = minimise_entropy(network, [images(4)] * 6, rate=0.01)
    assert found[-1] < found[0]
    norms = {f"{name}.{kind}" for name, part in network.named_modules() if part in set(batch_norms(network))
             for kind in ("weight", "bias")}  # fmt: skip
    changed = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    assert changed
    assert changed <= norms
    assert all(parameter.requires_grad for parameter in network.parameters())


def test_self_training_pulls_the_average_towards_its_own_certain_labels():
    network = tiny("pspnet-resnet18").network
    before = network.head.state_dict()
    before = {name: value.clone() for name, value in before.items()}
    found = train_on_own_labels(network, [images(2)] * 5, rate=1e-3, keep=0.5)
    assert found[-1] < found[0]
    assert any(not torch.equal(value, before[name]) for name, value in network.head.state_dict().items())
    assert not network.training


def test_a_loss_that_is_not_finite_stops_the_adaptation():
    network = tiny("pspnet-resnet18").network
    with pytest.raises(ValueError, match="the loss of the adaptation is nan; lower its rate"):
        minimise_entropy(network, [torch.full((2, 3, 32, 32), float("nan"))])
