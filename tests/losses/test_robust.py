"""What every loss of features or logits must survive."""

from functools import partial

import pytest
import torch
from tests.losses.golden import Loss
from torch import Tensor

from seglet.losses.distillation.cwd import channel_divergence
from seglet.losses.distillation.dist import correlation_loss
from seglet.losses.distillation.features import attention_transfer_loss, mean_squared_error
from seglet.losses.distillation.ifvd import variation_loss
from seglet.losses.distillation.skd_pairwise import coarse_pairwise_loss, pairwise_loss


def variation(student: Tensor, teacher: Tensor) -> Tensor:
    labels = torch.arange(64).reshape(1, 8, 8).remainder(3).expand(len(student), -1, -1)
    return variation_loss(student, teacher, labels, num_classes=5)  # classes 3 and 4 are absent


ALL: tuple[Loss, ...] = (
    mean_squared_error,
    attention_transfer_loss,
    pairwise_loss,
    coarse_pairwise_loss,
    channel_divergence,
    partial(channel_divergence, temperature=1.0),
    correlation_loss,
    variation,
)
every_loss = pytest.mark.parametrize("loss", ALL)


def maps(strength: float = 1.0, shape: tuple[int, ...] = (2, 4, 5, 7)) -> tuple[Tensor, Tensor]:
    student, teacher = strength * torch.randn(2, *shape, generator=torch.Generator().manual_seed(0))
    return student.requires_grad_(), teacher


def check_finite(loss: Loss, student: Tensor, teacher: Tensor) -> None:
    value = loss(student, teacher)
    (gradient,) = torch.autograd.grad(value, student)
    assert value.dtype == torch.float32
    assert value.isfinite()
    assert gradient.isfinite().all()


@every_loss
def test_equal_maps_cost_nothing(loss: Loss) -> None:
    features = maps()[1]
    assert loss(features, features).item() == pytest.approx(0, abs=1e-6)


@every_loss
def test_different_maps_cost_something(loss: Loss) -> None:
    assert loss(*maps()) > 0


@every_loss
@pytest.mark.parametrize("strength", [1e4, 1e-6, 0.0])
def test_huge_tiny_and_dead_features_stay_finite(loss: Loss, strength: float) -> None:
    check_finite(loss, *maps(strength))


@every_loss
@pytest.mark.parametrize("shape", [(1, 4, 5, 7), (1, 1, 1, 1), (1, 3, 1, 2)])
def test_a_batch_of_one_and_a_single_pixel_stay_finite(loss: Loss, shape: tuple[int, ...]) -> None:
    check_finite(loss, *maps(shape=shape))


@every_loss
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_summed_in_single(loss: Loss, dtype: torch.dtype) -> None:
    student, teacher = maps(1e4)
    check_finite(loss, student.detach().to(dtype).requires_grad_(), teacher.to(dtype))


@every_loss
def test_autocast_changes_nothing(loss: Loss) -> None:
    student, teacher = maps()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = loss(student, teacher)
    assert inside == loss(student, teacher)


@every_loss
@pytest.mark.usefixtures("unchecked")
def test_maps_that_do_not_fit_are_refused_by_shape(loss: Loss) -> None:
    student = torch.zeros(2, 4, 5, 7)
    for other in ((2, 4, 5, 6), (1, 4, 5, 7)):
        with pytest.raises(ValueError, match=r"student map \(2, 4, 5, 7\) and teacher map .*resize"):
            loss(student, torch.zeros(other))


@every_loss
def test_an_empty_batch_is_refused(loss: Loss) -> None:
    with pytest.raises(ValueError, match="is empty"):
        loss(torch.zeros(0, 4, 5, 7), torch.zeros(0, 4, 5, 7))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("loss", [mean_squared_error, channel_divergence, correlation_loss])
def test_other_channels_are_refused_where_they_must_agree(loss: Loss) -> None:
    with pytest.raises(ValueError, match="with a 1x1 adaptor"):
        loss(torch.zeros(1, 3, 2, 2), torch.zeros(1, 4, 2, 2))


@pytest.mark.parametrize("loss", [attention_transfer_loss, pairwise_loss, coarse_pairwise_loss, variation])
def test_other_channels_are_accepted_where_they_may_differ(loss: Loss) -> None:
    student, teacher = maps()
    assert loss(student, torch.cat([teacher, teacher], dim=1)).isfinite()


@pytest.mark.parametrize("loss", [channel_divergence, correlation_loss])
def test_a_temperature_of_zero_is_refused(loss: Loss) -> None:
    with pytest.raises(ValueError, match="temperature must be above 0"):
        loss(*maps(), temperature=0.0)  # type: ignore[call-arg]
