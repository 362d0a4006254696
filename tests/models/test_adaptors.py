import torch

from seglet.models.distillation.adaptors import Adaptor


def test_an_adaptor_changes_channels_and_keeps_places_apart() -> None:
    adaptor = Adaptor(2, 3)
    features = torch.randn(1, 2, 4, 5)
    adapted = adaptor(features)
    assert adapted.shape == (1, 3, 4, 5)
    torch.testing.assert_close(adapted[..., 1, 2], features[..., 1, 2] @ adaptor.weight[:, :, 0, 0].T)


def test_it_has_a_bias_only_if_asked() -> None:
    assert [name for name, _ in Adaptor(2, 3).named_parameters()] == ["weight"]
    assert [name for name, _ in Adaptor(2, 3, bias=True).named_parameters()] == ["weight", "bias"]
