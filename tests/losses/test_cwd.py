import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tests.losses.golden import check_loss
from torch import Tensor

from seglet.losses.distillation.cwd import channel_divergence
from seglet.losses.distillation.kl import kl_divergence


def flat(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float32).reshape(1, 1, 1, -1)


Case = dict[str, np.ndarray]


def divergence(case: Case, student: Tensor, teacher: Tensor, channels: int) -> Tensor:
    """By the case's normalisation: over the pixels of a channel, or over the channels of a pixel."""
    norm, kind, temperature = (str(case["hp_norm_type"]), str(case["hp_divergence"]), float(case["hp_temperature"]))
    if kind != "kl" or norm not in ("channel", "spatial"):
        pytest.skip(f"no loss of this package normalises by {norm!r} and compares by {kind!r}")
    if norm == "spatial":
        return kl_divergence(student, teacher, temperature)
    return channel_divergence(student, teacher, temperature, channels=channels)


@pytest.mark.golden("kd", "cwd")
def test_matches_cirkds_numbers_divided_by_the_channels_before_the_adaptor(case: Case) -> None:
    def theirs(student: Tensor, teacher: Tensor) -> Tensor:
        inside, outside = student.shape[1], teacher.shape[1]
        weight = torch.from_numpy(case["in_conv_weight"]).to(student)
        return divergence(case, student if inside == outside else F.conv2d(student, weight), teacher, inside)

    check_loss(case, theirs, "loss_cirkd")


@pytest.mark.golden("kd", "cwd")
def test_matches_torchdistillers_numbers_at_equal_channels(case: Case) -> None:
    if case["in_feat_S"].shape == case["in_feat_T"].shape:  # their code has no adaptor
        check_loss(case, lambda s, t: divergence(case, s, t, s.shape[1]), "loss_torchdistiller")


@pytest.mark.golden("kd", "cwd")
def test_their_spatial_variant_is_the_divergence_of_pixels(case: Case) -> None:
    if case["in_feat_S"].shape == case["in_feat_T"].shape:
        temperature = float(case["hp_temperature"])
        check_loss(case, lambda s, t: kl_divergence(s, t, temperature), "loss_torchdistiller_spatial_kl")


def test_certain_teacher_and_undecided_student_are_log_two_apart() -> None:
    assert channel_divergence(flat(0, 0), flat(100, -100), temperature=1).item() == pytest.approx(math.log(2))


def test_a_constant_added_to_a_channel_changes_nothing() -> None:
    student, teacher = torch.randn(2, 1, 3, 4, 4, dtype=torch.float64)
    torch.testing.assert_close(channel_divergence(student + 5, teacher), channel_divergence(student, teacher))


def test_underflow_stays_finite_where_the_logarithm_of_softmax_is_not() -> None:
    student = flat(-1e4, 1e4).requires_grad_()
    loss = channel_divergence(student, flat(1e4, -1e4), temperature=1)
    loss.backward()
    assert loss.item() == 2e4
    assert student.grad is not None
    assert student.grad.flatten().tolist() == [-1, 1]


def test_channels_must_be_some() -> None:
    with pytest.raises(ValueError, match="channels must be above 0"):
        channel_divergence(flat(0, 0), flat(0, 0), channels=0)


def test_what_is_not_counted_has_no_share_and_an_image_without_the_rest_no_part_in_the_mean() -> None:
    student = torch.cat([flat(0, 0, 9), flat(5, 1, 2)]).requires_grad_()
    teacher = torch.cat([flat(100, -100, math.nan), flat(0, 7, 0)])
    counted = torch.tensor([[[True, True, False]], [[False, False, False]]])
    loss = channel_divergence(student, teacher, temperature=1, counted=counted)
    loss.backward()
    assert loss.item() == pytest.approx(math.log(2))
    assert student.grad is not None
    assert student.grad.flatten().tolist() == pytest.approx([-0.5, 0.5, 0, 0, 0, 0])


def test_counting_all_positions_changes_nothing() -> None:
    student, teacher = torch.randn(2, 2, 3, 4, 4)
    all_of_them = torch.ones(2, 4, 4, dtype=torch.bool)
    assert channel_divergence(student, teacher, counted=all_of_them) == channel_divergence(student, teacher)


def test_weighted_positions_by_hand() -> None:
    weight = torch.tensor([3.0, 1]).reshape(1, 1, 1, 2)
    loss = channel_divergence(flat(0, 0), flat(100, -100), temperature=1, weight=weight)
    assert loss.item() == pytest.approx(3 * (math.log(2) - 1 + 0.5) + 0.5)


def test_a_weighted_divergence_is_least_where_student_and_teacher_agree() -> None:
    student = torch.randn(1, 2, 3, 3).requires_grad_()
    loss = channel_divergence(student, student.detach() + 1, weight=torch.rand(1, 1, 3, 3) * 9)
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-5)
    assert student.grad is not None
    torch.testing.assert_close(student.grad, torch.zeros(1, 2, 3, 3), rtol=0, atol=1e-5)
