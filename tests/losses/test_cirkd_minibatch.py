import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tests.golden_near import assert_near
from torch import Tensor

from seglet.losses.distillation.cirkd_minibatch import cirkd_minibatch_bytes, cirkd_minibatch_loss

Case = dict[str, np.ndarray]


def with_gradient(student: Tensor, teacher: Tensor, budget: int = 2**28) -> tuple[Tensor, Tensor]:
    leaf = student.detach().requires_grad_()
    value = cirkd_minibatch_loss(leaf, teacher, budget=budget)
    return value.detach(), torch.autograd.grad(value, leaf)[0]


@pytest.mark.golden("kd", "cirkd_minibatch")
@pytest.mark.parametrize(("dtype", "rtol"), [(torch.float32, 1e-4), (torch.float64, 1e-9)])
@pytest.mark.parametrize("budget", [0, 2**28])
def test_matches_the_authors_number_and_gradient(case: Case, dtype: torch.dtype, rtol: float, budget: int) -> None:
    student = torch.from_numpy(case["in_feat_S"]).to(dtype).requires_grad_()
    teacher = torch.from_numpy(case["in_feat_T"]).to(dtype)
    value = cirkd_minibatch_loss(student, teacher, float(case["hp_temperature"]), bool(case["hp_pooling"]), budget)
    (gradient,) = torch.autograd.grad(value, student)
    assert_near(value, case["out_loss_f64"], rtol)
    assert_near(gradient, case["out_grad_feat_S__loss"], rtol)


@pytest.mark.parametrize("budget", [0, 2**28])
def test_tiles_leave_no_seam(budget: int, monkeypatch: pytest.MonkeyPatch) -> None:
    student, teacher = torch.randn(3, 4, 5, 7).double(), torch.randn(3, 6, 5, 7).double()
    whole = with_gradient(student, teacher)
    monkeypatch.setattr("seglet.losses.distillation.cirkd_minibatch._TILE", 8)
    torch.testing.assert_close(with_gradient(student, teacher, budget), whole)


def test_one_image_is_compared_with_itself() -> None:
    student, teacher = torch.randn(1, 3, 2, 2), torch.randn(1, 3, 2, 2)
    own, other = (F.normalize(maps, dim=1).flatten(2)[0] for maps in (student, teacher))
    logits = (own.T @ own / 0.1).log_softmax(1), (other.T @ other / 0.1).log_softmax(1)
    expected = F.kl_div(*logits, reduction="batchmean", log_target=True)
    torch.testing.assert_close(cirkd_minibatch_loss(student, teacher), expected)


def test_equal_maps_have_no_loss_and_no_gradient() -> None:
    maps = torch.randn(2, 3, 4, 4)
    value, gradient = with_gradient(maps, maps)
    assert value.item() == 0
    assert gradient.abs().max() < 1e-6


@pytest.mark.parametrize("scale", [0.0, 1e4])
def test_dead_and_huge_features_stay_finite(scale: float) -> None:
    value, gradient = with_gradient(torch.randn(2, 3, 4, 4) * scale, torch.randn(2, 3, 4, 4) * scale)
    assert value.isfinite()
    assert gradient.isfinite().all()


def test_a_dead_pixel_has_no_gradient() -> None:
    student = torch.randn(1, 3, 2, 2)
    student[..., 0, 0] = 0
    _, gradient = with_gradient(student, torch.randn(1, 3, 2, 2))
    assert gradient[..., 0, 0].abs().sum() == 0


def test_autocast_changes_nothing() -> None:
    student, teacher = torch.randn(2, 3, 4, 4), torch.randn(2, 3, 4, 4)
    with torch.autocast("cpu", torch.bfloat16):
        value = cirkd_minibatch_loss(student, teacher)
    assert torch.equal(value, cirkd_minibatch_loss(student, teacher))


def test_the_teacher_gets_no_gradient() -> None:
    student, teacher = (torch.randn(1, 3, 2, 2, requires_grad=True) for _ in range(2))
    cirkd_minibatch_loss(student, teacher).backward()
    assert teacher.grad is None


def test_the_estimate_falls_when_nothing_is_kept_or_pixels_are_pooled() -> None:
    shape, pair = (2, 512, 65, 65), 2 * 4225**2 * 4
    kept, again = cirkd_minibatch_bytes(shape, 512), cirkd_minibatch_bytes(shape, 512, budget=0)
    assert kept - again == pair
    assert cirkd_minibatch_bytes(shape, 512, pooling=True) < again


def test_a_temperature_too_low_for_float32_is_refused() -> None:
    with pytest.raises(ValueError, match="temperature must be at least"):
        cirkd_minibatch_loss(torch.zeros(1, 2, 1, 1), torch.zeros(1, 2, 1, 1), temperature=0.01)


@pytest.mark.usefixtures("unchecked")
def test_maps_of_different_size_are_refused() -> None:
    with pytest.raises(ValueError, match="resize one of them first"):
        cirkd_minibatch_loss(torch.zeros(1, 2, 4, 4), torch.zeros(1, 2, 3, 3))


APART, ALIKE = torch.tensor([[1.0, 0], [0, 1], [3, 4]]), torch.tensor([[1.0, 1], [2, 2], [0, torch.nan]])


def row(pixels: Tensor) -> Tensor:
    """One image of one row."""
    return pixels.T[None, :, None]


def test_pixels_that_do_not_count_are_compared_with_nothing() -> None:
    counted = torch.tensor([[[True, True, False]]])
    student = row(APART).requires_grad_()
    loss = cirkd_minibatch_loss(student, row(ALIKE), temperature=1, counted=counted)
    loss.backward()
    assert loss.item() == pytest.approx(math.log(math.cosh(0.5)), rel=1e-5)  # softmax(1, 0) against a half each
    assert student.grad is not None
    assert student.grad[..., 2].tolist() == [[[0], [0]]]
    assert cirkd_minibatch_loss(student, row(ALIKE), counted=torch.zeros_like(counted)).item() == 0


def test_images_of_different_numbers_of_pixels_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    student, teacher = torch.randn(3, 4, 5, 7).double(), torch.randn(3, 6, 5, 7).double()
    counted = torch.rand(3, 5, 7) < torch.tensor([0.3, 0.9, 0.0])[:, None, None]
    some = [
        [F.normalize(m.permute(1, 2, 0)[c], dim=1) for m, c in zip(maps, counted, strict=True)][:2]
        for maps in (student, teacher)
    ]
    both = [[(s @ other.T / 0.1).log_softmax(1) for s in kind for other in kind] for kind in some]
    sums = [F.kl_div(own, other, reduction="sum", log_target=True) for own, other in zip(*both, strict=True)]
    monkeypatch.setattr("seglet.losses.distillation.cirkd_minibatch._TILE", 8)
    for budget in (0, 2**28):
        value = cirkd_minibatch_loss(student, teacher, budget=budget, counted=counted)
        torch.testing.assert_close(value, sum(sums, torch.zeros(1).double())[0] / (2 * counted.sum()))


def test_the_gradient_of_the_pixels_that_count_is_that_of_the_value() -> None:
    student, teacher = torch.randn(2, 2, 3, 2, 3, dtype=torch.float64)
    counted = torch.tensor([[[True, True, False], [True, False, False]], [[False, True, True], [True, True, True]]])
    student.requires_grad_()
    assert torch.autograd.gradcheck(lambda s: cirkd_minibatch_loss(s, teacher, 0.5, counted=counted), student)


def test_pooling_averages_the_pixels_that_count() -> None:
    pixels = torch.stack([APART[0], APART[2], APART[1], APART[2]])
    counted = torch.tensor([[[True, False, True, False]]])
    pooled = cirkd_minibatch_loss(row(pixels), row(ALIKE[[0, 2, 1, 2]]), temperature=1, pooling=True, counted=counted)
    assert pooled.item() == pytest.approx(math.log(math.cosh(0.5)), rel=1e-5)
