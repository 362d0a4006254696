"""Two scores of the authors of DGKD-WLSS that are not ours, so that their tables can be read."""

import numpy as np
import pytest

Case = dict[str, np.ndarray]


@pytest.mark.golden("weak", "dgkd_metric")
def test_their_pixel_accuracy_is_the_share_of_background_in_the_truth(case: Case) -> None:
    truncated = case["probs"].astype(np.int64).argmax(1)  # probabilities below 1 become 0, so class 0 always wins
    assert not truncated.any()
    assert (case["target"] == 0).mean() == pytest.approx(case["pix_acc_code"].item())


@pytest.mark.golden("weak", "dgkd_metric")
def test_their_mean_counts_classes_that_are_nowhere_as_zero(case: Case) -> None:
    predicted, target = case["probs"].argmax(1), case["target"]
    classes = range(case["probs"].shape[1])
    shared = np.array([((predicted == label) & (target == label)).sum() for label in classes])
    joined = np.array([((predicted == label) | (target == label)).sum() for label in classes])
    np.testing.assert_array_equal(shared, case["inter"])
    np.testing.assert_array_equal(joined, case["union"])
    assert (shared / (joined + 2.2e-16)).mean() == pytest.approx(case["miou_code"].item())
