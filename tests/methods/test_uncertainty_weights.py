import pytest
import torch
from tests.methods.toys import fotf, labelled

from seglet.methods.fotf import Config
from seglet.methods.uncertainty_weights import Deviations, sample_deviations, weights_from_deviations
from seglet.models.layers.dropout import noise_from
from seglet.tensors import running_mean_and_deviation
from seglet.types import IGNORE, Target


@pytest.mark.parametrize("student", ["deeplabv3-resnet18", "pspnet-resnet18", "segformer-mit_b0"])
def test_repeating_the_tail_equals_repeating_the_whole_network(student: str) -> None:
    network = fotf(distils=False, student=student, width=0.25, auxiliary_weight=0.0).student.network
    network.backbone.apply(lambda part: setattr(part, "p", 0) if hasattr(part, "p") else None)  # no DropPath
    images, config = labelled().images, Config(samples=4)
    with noise_from(network, torch.Generator().manual_seed(7)):
        draws = [network(images).logits.softmax(dim=1).detach() for _ in range(4)]
    naive = running_mean_and_deviation(draws)[1]
    ours = sample_deviations(
        config, network, network.embed(images).trunk, images.shape[-2:], torch.Generator().manual_seed(7)
    )
    torch.testing.assert_close(ours.at_logits, naive, rtol=1e-4, atol=1e-7)


def test_weights_carry_no_gradient() -> None:
    sigma = torch.rand(1, 2, 4, 4, requires_grad=True)
    target = Target(torch.zeros(1, 8, 8, dtype=torch.long), torch.ones(1, 8, 8))
    weights = weights_from_deviations(Config(), Deviations(sigma, sigma), target, distils=True)
    assert weights.distillation is not None
    assert not weights.distillation.requires_grad
    assert not weights.target.weight.requires_grad


def test_weights_of_the_target_are_multiplied_not_replaced() -> None:
    sigma = torch.full((1, 2, 1, 1), 0.5)
    target = Target(torch.tensor([[[0, IGNORE]]]), torch.tensor([[[0.25, 1.0]]]))
    weights = weights_from_deviations(Config(kappa=1.0), Deviations(sigma, sigma), target, distils=False)
    assert weights.target.weight.flatten().tolist() == [0.375, 1.5]  # × (1 + 0.5)
    assert weights.terms["task_weight_max"] == 1.5
