import numpy as np
import pytest
import torch
from tests.losses.golden import check_loss

from seglet.losses.distillation.features import _attention_vector, attention_transfer_loss


@pytest.mark.golden("kd", "at")
def test_matches_cirkds_numbers(case: dict[str, np.ndarray]) -> None:
    check_loss(case, attention_transfer_loss, "loss")


def test_attention_is_the_mean_square_over_channels_at_length_one() -> None:
    features = torch.tensor([[1.0, 0.0], [1.0, 2**0.5]]).reshape(1, 2, 1, 2)  # mean squares 1 and 1
    torch.testing.assert_close(_attention_vector(features), torch.full((1, 2), 0.5**0.5))


def test_attention_elsewhere_costs_two_over_the_number_of_pixels() -> None:
    left, right = torch.tensor([[[[3.0, 0.0]]]]), torch.tensor([[[[0.0, 1.0]]]])
    assert attention_transfer_loss(left, right).item() == pytest.approx(2 / 2)


def test_neither_sign_nor_strength_matters() -> None:
    features = torch.randn(2, 3, 4, 4)
    assert attention_transfer_loss(features, -7 * features).item() == pytest.approx(0, abs=1e-12)
