import torch

from seglet.models.distillation.discriminator import SpectralConv2d


def conv() -> SpectralConv2d:
    layer = SpectralConv2d(2, 3)
    with torch.no_grad():
        layer.weight.normal_(generator=torch.Generator().manual_seed(0))
    return layer


def test_passes_in_training_find_the_largest_singular_value() -> None:
    layer = conv()
    for _ in range(200):
        layer(torch.zeros(1, 2, 4, 4))
    torch.testing.assert_close(layer.norm(), torch.linalg.matrix_norm(layer.weight.flatten(1), ord=2))


def test_evaluation_leaves_the_singular_vectors_alone() -> None:
    layer = conv().eval()
    before = layer.left.clone(), layer.right.clone()
    layer(torch.zeros(1, 2, 4, 4))
    assert torch.equal(layer.left, before[0])
    assert torch.equal(layer.right, before[1])


def test_scaling_the_weight_changes_nothing() -> None:
    layer, maps = conv().eval(), torch.randn(1, 2, 4, 4)
    assert layer.bias is not None
    with torch.no_grad():
        before = layer(maps)
        layer.weight.mul_(1e3)
    torch.testing.assert_close(layer(maps), before)


def test_a_weight_of_zeros_gives_the_bias() -> None:
    layer = conv()
    assert layer.bias is not None
    with torch.no_grad():
        layer.weight.zero_()
        assert torch.equal(layer(torch.ones(1, 2, 2, 2)).flatten(), layer.bias)


def test_a_second_pass_does_not_spoil_the_first_ones_gradient() -> None:
    layer, maps = conv(), torch.ones(1, 2, 4, 4)
    (layer(maps).sum() + layer(maps).sum()).backward()
    assert layer.weight.grad is not None
