import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from seglet.losses.distillation.cirkd_memory import cirkd_memory_loss
from seglet.types import IGNORE

KEYS = (torch.eye(2), torch.eye(2)[:1])


def terms_of(student: Tensor, teacher: Tensor, label: int = 0, **temperatures: float) -> list[float]:
    labels = torch.full((len(student), 1, 1), label)
    return [term.item() for term in cirkd_memory_loss(student, teacher, labels, KEYS, **temperatures)]


def pixel(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float32).reshape(1, -1, 1, 1)


def test_an_undecided_student_of_a_certain_teacher_costs_their_divergence() -> None:
    p = 1 / (1 + math.exp(-1))  # softmax of (1, 0)
    expected = p * math.log(2 * p) + (1 - p) * math.log(2 * (1 - p))
    assert terms_of(pixel(3, 3), pixel(2, 0), temperature=1.0)[0] == pytest.approx(expected, rel=1e-5)


def test_one_key_costs_nothing() -> None:
    assert terms_of(pixel(3, 3), pixel(2, 0))[1] == 0


def test_the_kd_temperature_is_squared_outside() -> None:
    maps = pixel(3, 3), pixel(2, 0)
    hot, cold = terms_of(*maps, kd_temperature=2.0), terms_of(*maps, temperature=0.2)
    assert hot[0] == pytest.approx(4 * cold[0], rel=1e-5)


def test_nothing_annotated_gives_zero_loss_and_no_gradient() -> None:
    student = torch.randn(2, 2, 1, 1).requires_grad_()
    terms = cirkd_memory_loss(student, torch.randn(2, 2, 1, 1), torch.full((2, 4, 4), IGNORE), KEYS)
    (terms.pixel + terms.region).backward()
    assert terms.pixel.item() == terms.region.item() == student.grad.abs().sum() == 0  # type: ignore[union-attr]


def test_no_key_gives_zero() -> None:
    labels, none = torch.zeros(1, 1, 1, dtype=torch.long), torch.zeros(0, 2)
    assert [t.item() for t in cirkd_memory_loss(pixel(1, 0), pixel(0, 1), labels, (none, none))] == [0, 0]


@pytest.mark.parametrize("scale", [0.0, 1e4])
def test_dead_and_huge_features_stay_finite(scale: float) -> None:
    student = (torch.randn(1, 2, 4, 4) * scale).requires_grad_()
    terms = cirkd_memory_loss(student, torch.randn(1, 2, 4, 4) * scale, torch.zeros(1, 4, 4, dtype=torch.long), KEYS)
    (gradient,) = torch.autograd.grad(terms.pixel, student)
    assert terms.pixel.isfinite()
    assert gradient.isfinite().all()


def test_autocast_changes_nothing() -> None:
    student, teacher, labels = torch.randn(1, 2, 4, 4), torch.randn(1, 2, 4, 4), torch.zeros(1, 4, 4, dtype=torch.long)
    plain = cirkd_memory_loss(student, teacher, labels, KEYS)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(cirkd_memory_loss(student, teacher, labels, KEYS).pixel, plain.pixel)


def test_pixels_are_compared_in_portions_without_a_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    student, teacher, labels = torch.randn(1, 2, 5, 5), torch.randn(1, 2, 5, 5), torch.zeros(1, 5, 5, dtype=torch.long)
    whole = cirkd_memory_loss(student, teacher, labels, KEYS).pixel
    monkeypatch.setattr("seglet.losses.distillation.cirkd_memory._ROWS", 7)
    torch.testing.assert_close(cirkd_memory_loss(student, teacher, labels, KEYS).pixel, whole)


@pytest.mark.parametrize("count", [1, 15, 16, 17])
def test_any_number_of_keys_gives_the_plain_divergence(count: int) -> None:
    student, teacher, keys = torch.randn(1, 3, 4, 4).requires_grad_(), torch.randn(1, 3, 4, 4), torch.randn(count, 3)
    ours = cirkd_memory_loss(student, teacher, torch.zeros(1, 4, 4, dtype=torch.long), (keys, keys)).region
    own, other = (F.normalize(m, dim=1).permute(0, 2, 3, 1).flatten(0, 2) @ keys.T / 0.1 for m in (student, teacher))
    plain = F.kl_div(own.log_softmax(1), other.log_softmax(1), reduction="batchmean", log_target=True)
    torch.testing.assert_close(ours, plain, rtol=1e-4, atol=1e-5)
    gradients = (torch.autograd.grad(loss, student)[0] for loss in (ours, plain))
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-4)


@pytest.mark.usefixtures("unchecked")
def test_maps_of_different_size_are_refused() -> None:
    with pytest.raises(ValueError, match="resize one"):
        cirkd_memory_loss(
            torch.zeros(1, 2, 4, 4), torch.zeros(2, 2, 4, 4), torch.zeros(1, 4, 4, dtype=torch.long), KEYS
        )
