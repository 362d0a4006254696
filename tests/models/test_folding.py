"""Batch normalisation folded into convolutions."""

import pytest
import torch

from seglet.models.backbones.imagenet_classifier import ImageNetClassifier
from seglet.models.layers.folding import fold_norms
from seglet.models.layers.same_conv import SameConvNorm


def test_a_folded_network_has_the_same_outputs_and_no_norms() -> None:
    torch.manual_seed(0)
    network = ImageNetClassifier("efficientnet_lite0", classes=5)
    images = torch.rand(2, 3, 65, 96)
    network(images)  # statistics that are not 0 and 1
    before = network.eval()(images)
    fold_norms(network)
    torch.testing.assert_close(network(images), before, atol=1e-4, rtol=1e-4)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in network.modules())


def test_a_convolution_folds_scale_and_shift_as_worked_out_by_hand() -> None:
    unit = SameConvNorm(1, 1).eval()
    unit.conv.weight.data.fill_(3.0)
    unit.norm.running_mean.fill_(1.0)  # type: ignore[union-attr, operator]
    unit.norm.running_var.fill_(4.0 - 1e-3)  # type: ignore[union-attr, operator]
    fold_norms(unit)
    assert unit.conv.weight.item() == pytest.approx(1.5)  # 3 / sqrt(4)
    assert unit.conv.bias is not None
    assert unit.conv.bias.item() == pytest.approx(-0.5)  # -1 / sqrt(4)


def test_a_network_in_training_is_refused() -> None:
    with pytest.raises(ValueError, match="evaluation mode"):
        fold_norms(SameConvNorm(1, 1))
