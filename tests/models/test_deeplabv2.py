import pytest
import torch
from tests.models.tiny import images, tiny

from seglet.models.architecture import Architecture
from seglet.models.assembly import assemble_network
from seglet.models.heads.deeplabv2 import AtrousClassifier


def test_parameters_of_the_head_are_four_convolutions_and_their_biases() -> None:
    with torch.device("meta"):
        network = assemble_network(Architecture("deeplabv2-resnet101"), 21)
    assert sum(part.numel() for part in network.head.parameters()) == 4 * (3 * 3 * 2048 * 21 + 21) == 1_548_372


def test_parameters_of_the_backbone_are_those_of_a_resnet101_with_a_deep_stem() -> None:
    """Bottlenecks by hand: 1x1, 3x3, 1x1, the norms of each, and a projection in the first of a stage."""
    expected, inside = 9 * (3 * 64 + 64 * 64 + 64 * 128) + 2 * (64 + 64 + 128), 128
    for channels, depth in ((64, 3), (128, 4), (256, 23), (512, 3)):
        outside = 4 * channels
        block = 9 * channels**2 + channels * outside + 2 * (2 * channels + outside)
        expected += depth * block + channels * (inside + (depth - 1) * outside) + inside * outside + 2 * outside
        inside = outside
    with torch.device("meta"):
        backbone = assemble_network(Architecture("deeplabv2-resnet101"), 21).backbone
    assert sum(part.numel() for part in backbone.parameters()) == expected


def test_logits_are_the_sum_over_rates() -> None:
    """On a map of ones, 3x3 kernels of ones count the cells they touch: all 9 in the middle, 4 in a corner."""
    classifier = AtrousClassifier(1, 1, rates=(1, 2))
    for branch in classifier.branches:
        torch.nn.init.ones_(branch.weight)
        torch.nn.init.constant_(branch.bias, 0.5)
    logits = classifier(torch.ones(1, 1, 9, 9))
    assert (logits[0, 0, 4, 4], logits[0, 0, 0, 0]) == (19, 9)


def test_a_new_network_is_undecided() -> None:
    assert tiny("deeplabv2-resnet18", width=0.5, dropout=0.0).eval()(images()).softmax(1).max() < 0.6


@pytest.mark.parametrize("training", [True, False])
def test_it_segments_at_the_size_of_the_image(training: bool) -> None:
    assert tiny("deeplabv2-resnet18").train(training)(images(1, 40, 50)).shape == (1, 3, 40, 50)
