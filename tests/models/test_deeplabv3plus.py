import pytest
import torch
from tests.models.tiny import images, tiny

from seglet.models.architecture import Architecture
from seglet.models.assembly import assemble_network


def test_parameters_of_the_head_by_hand() -> None:
    """Pyramid of five views and its projection, skip, two 3x3 convolutions, classifier; 2 norm weights a channel."""
    pyramid = 256 * (2048 * (1 + 3 * 9 + 1) + 5 * 2) + 256 * (5 * 256 + 2)
    joined = 48 * (256 + 2) + 256 * (9 * (256 + 48) + 2) + 256 * (9 * 256 + 2)
    with torch.device("meta"):
        network = assemble_network(Architecture("deeplabv3plus-resnet101", auxiliary=False), 21)
    assert sum(part.numel() for part in network.head.parameters()) == pyramid + joined + 21 * 257


@pytest.mark.parametrize("backbone", ["resnet18", "wideresnet38"])
def test_logits_have_a_quarter_of_the_images_size(backbone: str) -> None:
    network = tiny(f"deeplabv3plus-{backbone}").eval().network
    assert network(images(1, 64, 48)).logits.shape == (1, 3, 16, 12)


def test_the_shallow_stage_reaches_the_logits() -> None:
    head = tiny("deeplabv3plus-resnet18").eval().network.head
    draw = torch.Generator().manual_seed(0)
    first, second, third, last = (
        torch.rand(1, c, s, s, generator=draw) for c, s in ((8, 8), (16, 4), (32, 4), (64, 4))
    )
    stages, changed = (first, second, third, last), (1 - first, second, third, last)
    assert not torch.equal(head(stages)[0], head(changed)[0])


@pytest.mark.parametrize("training", [True, False])
def test_it_segments_at_the_size_of_the_image(training: bool) -> None:
    assert tiny("deeplabv3plus-resnet18").train(training)(images(2, 40, 50)).shape == (2, 3, 40, 50)
