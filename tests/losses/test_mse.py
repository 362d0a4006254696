import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tests.losses.golden import check_loss
from torch import Tensor

from seglet.losses.distillation.features import mean_squared_error


@pytest.mark.golden("kd", "mse")
def test_behind_an_adaptor_without_bias_it_is_fitnets(case: dict[str, np.ndarray]) -> None:
    def fitnet(student: Tensor, teacher: Tensor) -> Tensor:
        return mean_squared_error(F.conv2d(student, torch.from_numpy(case["in_conv_weight"]).to(student)), teacher)

    check_loss(case, fitnet, "loss_fitnet")


@pytest.mark.golden("kd", "mse")
def test_behind_an_adaptor_with_bias_it_is_diffkds(case: dict[str, np.ndarray]) -> None:
    def aligned(student: Tensor, teacher: Tensor) -> Tensor:
        weight, bias = (torch.from_numpy(case[f"in_conv_{what}"]).to(student) for what in ("weight", "bias"))
        return mean_squared_error(F.conv2d(student, weight, bias), teacher)

    check_loss(case, aligned, "loss_mse_align")


@pytest.mark.golden("kd", "mse")
def test_between_equal_channels_no_adaptor_is_needed(case: dict[str, np.ndarray]) -> None:
    if case["in_feat_S"].shape == case["in_feat_T"].shape:
        check_loss(case, mean_squared_error, "loss_mse_plain")


def test_a_distance_of_three_costs_nine() -> None:
    assert mean_squared_error(torch.full((2, 3, 4, 4), 5.0), torch.full((2, 3, 4, 4), 2.0)) == 9


def test_weights_multiply_squares_and_do_not_change_their_number() -> None:
    student, teacher = torch.tensor([[[[1.0, 2]]]]), torch.zeros(1, 1, 1, 2)
    assert mean_squared_error(student, teacher, torch.tensor([[[[3.0, 1]]]])).item() == (3 * 1 + 1 * 4) / 2
