import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tests.golden_near import assert_near
from tests.models.authors import copy_weights, named
from tests.models.tiny import images, tiny
from torch import nn

from seglet.models.backbones.wide_resnet38 import PreActivationBlock, PreActivationBottleneck
from seglet.models.layers.dropout import noise_from

Case = dict[str, np.ndarray]

BLOCK = {
    "bn_branch2a": "norm1",
    "conv_branch2a": "conv1",
    "bn_branch2b1": "norm2",
    "conv_branch2b1": "conv2",
    "conv_branch1": "shortcut",
}
BOTTLENECK = BLOCK | {"bn_branch2b2": "norm3", "conv_branch2b2": "conv3"}


def block_of(case: Case) -> nn.Module:
    """The block or bottleneck of a case; dropout, of which the files hold no draws, is off."""
    inside, middle, outside, stride = (int(case[name]) for name in ("in_ch", "mid_ch", "out_ch", "stride"))
    dilation, first = int(case["dilation"]), int(case["first_dilation"])
    if case["kind_is_bottleneck"]:
        block: nn.Module = PreActivationBottleneck(inside, outside, dilation, dropout=0.0, stride=stride)
    else:
        dilations = (dilation if first < 0 else first, dilation)
        block = PreActivationBlock(inside, middle, outside, stride, dilations)
    copy_weights(block, named(case, BOTTLENECK))
    return block.double().train(bool(case["training"]))


@pytest.mark.golden("weak", "wrn38_block")
def test_a_block_is_the_authors(case: Case) -> None:
    assert_near(block_of(case)(torch.from_numpy(case["x"]).double()), case["out"], 1e-5)


def test_a_bottleneck_projects_its_normalised_input() -> None:
    """With a last convolution of 0 nothing but the shortcut is left."""
    block, x = PreActivationBottleneck(8, 16, dilation=4, dropout=0.5).eval(), torch.randn(2, 8, 6, 7)
    torch.nn.init.zeros_(block.conv3.weight)
    torch.testing.assert_close(block(x), block.shortcut(F.relu(block.norm1(x))))


def test_stages_stand_at_strides_2_4_8_and_8() -> None:
    backbone = tiny("deeplabv3-wideresnet38").network.eval().backbone
    shapes = [tuple(maps.shape[1:]) for maps in backbone(images(1, 64, 96))]
    assert shapes == [(16, 32, 48), (32, 16, 24), (64, 8, 12), (512, 8, 12)]
    assert backbone.channels == (16, 32, 64, 512)


def test_dropped_channels_come_from_the_callers_generator() -> None:
    backbone = tiny("ssss-wideresnet38").network.train().backbone
    seen = []
    for seed in (0, 0, 1):
        with noise_from(backbone, torch.Generator().manual_seed(seed)):
            seen.append(backbone(images())[-1])
    assert torch.equal(seen[0], seen[1])
    assert not torch.equal(seen[0], seen[2])


@pytest.mark.parametrize("head", ["deeplabv3", "pspnet", "deeplabv2", "ssss"])
def test_every_convolutional_head_takes_it(head: str) -> None:
    assert tiny(f"{head}-wideresnet38").eval()(images(2, 40, 33)).shape == (2, 3, 40, 33)
