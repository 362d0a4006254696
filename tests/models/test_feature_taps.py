import pytest
import torch
from tests.methods.toys import labelled, teacher

from seglet.models.distillation.feature_taps import check_taps, forward_with_taps, measure_taps
from seglet.models.network import Network


def network(**changes: object) -> Network:
    return teacher(**changes).network


def test_outputs_and_stages_are_those_of_the_pass() -> None:
    net, images = network().eval(), labelled().images
    seen = forward_with_taps(net, images, ["logits", "feature", "stage3", "stage4"])
    assert torch.equal(seen.maps["logits"], net(images).logits)
    assert torch.equal(seen.maps["feature"], net(images).feature)
    assert torch.equal(seen.maps["stage3"], net.backbone(images)[2])
    assert torch.equal(seen.maps["stage4"], net.backbone(images)[3])


def test_any_module_can_be_tapped_by_its_name() -> None:
    net, images = network().eval(), labelled().images
    maps = forward_with_taps(net, images, ["backbone.layer3", "head.tail.classifier"]).maps
    assert torch.equal(maps["backbone.layer3"], net.backbone(images)[2])
    assert torch.equal(maps["head.tail.classifier"], net(images).logits)


def test_nothing_stays_behind_in_the_network() -> None:
    net = network().eval()
    forward_with_taps(net, labelled().images, ["backbone.layer3", "stage1"])
    assert not any(module._forward_hooks for module in net.modules())


def test_the_auxiliary_head_runs_in_evaluation_mode_when_it_is_tapped() -> None:
    net, images = network().eval(), labelled().images
    assert net(images).auxiliary is None
    assert forward_with_taps(net, images, ["auxiliary"]).maps["auxiliary"].shape[:2] == (2, 3)


def test_a_tap_at_a_missing_auxiliary_head_is_an_error() -> None:
    with pytest.raises(ValueError, match="no auxiliary output"):
        forward_with_taps(network(auxiliary=False), labelled().images, ["auxiliary"])


def test_an_unknown_place_names_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"nothing to tap at 'backbone.layer9'; did you mean 'backbone.layer"):
        check_taps(network(), ["backbone.layer9"])


def test_a_tap_that_never_fires_is_an_error() -> None:
    with pytest.raises(ValueError, match="the tap at 'head' never fired"):
        forward_with_taps(network(), labelled().images, ["head"])


def test_what_is_no_map_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"'backbone' caught .*, expected a map"):
        forward_with_taps(network(), labelled().images, ["backbone"])


def test_a_map_that_is_overwritten_behind_its_module_is_an_error() -> None:
    net = network().eval()
    net.backbone.layer1.register_forward_hook(lambda module, inputs, output: output.mul_(2))
    with pytest.raises(ValueError, match="is overwritten by the module that follows"):
        forward_with_taps(net, labelled().images, ["backbone.layer1.1"])


def test_places_are_measured_without_changing_the_network() -> None:
    net = network(width=0.25).train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    places = measure_taps(net, ["logits", "stage1", "stage4"])
    assert [(place.channels, place.stride) for place in places.values()] == [(3, 8), (16, 4), (128, 8)]
    assert net.training
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
