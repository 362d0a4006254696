"""Two scores of the authors of DGKD-WLSS that are not ours, so that their tables can be read."""

import numpy as np
import pytest

Case = dict[str, np.ndarray]


@pytest.mark.golden("weak", "dgkd_metric")
def test_their_pixel_accuracy_calls_every_pixel_background_unless_a_probability_is_one(case: Case) -> None:
    known = case["target"] >= 0
    truncated = case["probs"].astype(np.int64).argmax(1)  # below 1 it becomes 0, and class 0 wins
    assert not truncated[case["probs"].max(1) < 1].any()
    assert (truncated == case["target"])[known].mean() == pytest.approx(case["pix_acc_code"].item(), abs=1e-12)


@pytest.mark.golden("weak", "dgkd_metric")
def test_their_mean_counts_classes_that_are_nowhere_as_zero(case: Case) -> None:
    known = case["target"] >= 0
    predicted, target = case["probs"].argmax(1)[known], case["target"][known]
    classes = range(case["probs"].shape[1])
    shared = np.array([((predicted == label) & (target == label)).sum() for label in classes])
    joined = np.array([((predicted == label) | (target == label)).sum() for label in classes])
    np.testing.assert_array_equal(shared, case["inter"])
    np.testing.assert_array_equal(joined, case["union"])
    assert (shared / (joined + 2.2e-16)).mean() == pytest.approx(case["miou_code"].item())
