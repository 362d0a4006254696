import math

import numpy as np
import pytest
import torch

from seglet.evaluation.calibration import _CHUNK, Calibration
from seglet.types import IGNORE


def pixels(size: int = 3 * _CHUNK + 5) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    confidence = 0.1 + 0.9 * torch.rand(size, generator=generator)
    labels = torch.randint(0, 3, (size,), generator=generator, dtype=torch.uint8)
    labels[::7] = IGNORE
    return confidence, torch.randint(0, 3, (size,), generator=generator, dtype=torch.uint8), labels


def brute_force(confidence: torch.Tensor, right: torch.Tensor, bins: int) -> float:
    """Guo et al., Eq. 3, with a loop over bins (lower, upper] and all pixels in memory."""
    confidence, right, error = confidence.double().numpy(), right.double().numpy(), 0.0
    for index in range(bins):
        inside = (confidence > index / bins) & (confidence <= (index + 1) / bins)
        if inside.any():
            error += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    return error


@pytest.mark.parametrize("bins", [1, 10, 15, 30])
def test_streamed_error_equals_brute_force_on_all_pixels(bins: int) -> None:
    confidence, pred, labels = pixels()
    calibration = Calibration()
    for begin in range(0, len(labels), 1000):
        calibration.add(*(part[begin : begin + 1000] for part in (confidence, pred, labels)))
    valid = labels != IGNORE
    wanted = brute_force(confidence[valid], (pred == labels)[valid], bins)
    assert calibration.ece(bins) == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize("bins", [10, 15])
def test_agrees_with_torchmetrics(bins: int) -> None:
    from torchmetrics.functional.classification import multiclass_calibration_error

    logits = torch.randn(4000, 5, generator=torch.Generator().manual_seed(1))
    labels = torch.randint(0, 5, (4000,), generator=torch.Generator().manual_seed(2))
    calibration, (confidence, pred) = Calibration(), logits.softmax(1).max(1)
    calibration.add(confidence, pred.to(torch.uint8), labels.to(torch.uint8))
    assert calibration.ece(bins) == pytest.approx(
        float(multiclass_calibration_error(logits, labels, 5, bins)), abs=1e-6
    )


def test_always_certain_and_right_half_of_the_time_is_off_by_one_half() -> None:
    calibration = Calibration()
    calibration.add(torch.ones(4), torch.ones(4, dtype=torch.uint8), torch.tensor([1, 1, 0, 0], dtype=torch.uint8))
    assert calibration.ece(10) == calibration.ece(15) == 0.5


def test_an_edge_belongs_to_the_bin_below() -> None:
    calibration = Calibration(4)
    one = torch.ones(1, dtype=torch.uint8)
    calibration.add(torch.tensor([0.5]), one, one)
    assert [bar.count for bar in calibration.reliability(4)] == [0, 1, 0, 0]


def test_the_diagram_holds_means_of_each_bin() -> None:
    calibration = Calibration(2)
    pred, labels = torch.tensor([1, 1, 1], dtype=torch.uint8), torch.tensor([1, 0, 1], dtype=torch.uint8)
    calibration.add(torch.tensor([0.75, 1.0, 0.25]), pred, labels)
    low, high = calibration.reliability(2)
    assert (low.lower, low.upper, low.count, low.confidence, low.accuracy) == (0, 0.5, 1, 0.25, 1)
    assert (high.lower, high.upper, high.count, high.confidence, high.accuracy) == (0.5, 1, 2, 0.875, 0.5)


def test_fewer_and_surer_pixels_remain_above_each_edge() -> None:
    counted = Calibration()
    confidence = torch.tensor([0.05, 0.15, 0.95, 0.99])
    counted.add(
        confidence, torch.tensor([1, 1, 1, 1], dtype=torch.uint8), torch.tensor([0, 1, 1, 1], dtype=torch.uint8)
    )
    curve = counted.reject_curve(10)
    assert curve[:3] == [(1.0, 0.75), (0.75, 1.0), (0.5, 1.0)]
    assert curve[-1] == (0.5, 1.0)
    assert Calibration().reject_curve(10) == []


def test_void_pixels_are_left_out() -> None:
    calibration, void = Calibration(), torch.full((2,), IGNORE, dtype=torch.uint8)
    calibration.add(torch.tensor([math.nan, 3.0]), void, void)
    assert math.isnan(calibration.ece(10))


@pytest.mark.parametrize("wrong", [math.nan, -0.1, 1.1])
def test_a_confidence_that_is_no_probability_is_an_error(wrong: float) -> None:
    one = torch.ones(1, dtype=torch.uint8)
    with pytest.raises(ValueError, match="expected confidences in"):
        Calibration().add(torch.tensor([wrong]), one, one)


def test_bins_that_do_not_divide_the_resolution_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"20 bins cannot be derived from 30; .* Calibration\(20\)"):
        Calibration().ece(20)


def test_float16_confidences_are_counted_exactly() -> None:
    calibration, one = Calibration(), torch.ones(1, dtype=torch.uint8)
    calibration.add(torch.tensor([0.5], dtype=torch.float16), one, one)
    assert np.isclose(calibration.ece(10), 0.5)
