import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, balanced_accuracy_score, jaccard_score

from seglet.evaluation.confusion import confusion_matrix
from seglet.evaluation.scores import Scores
from seglet.types import IGNORE

MATRIX = [[3, 1, 0, 0], [2, 2, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]  # classes 2 and 3 occur nowhere


def test_iou_is_intersection_over_union() -> None:
    scores = Scores.from_confusion(np.array(MATRIX))
    assert scores.iou[:2].tolist() == [3 / 6, 2 / 5]
    assert np.isnan(scores.iou[2:]).all()


def test_the_three_conventions_differ_in_the_classes_they_average() -> None:
    matrix = np.array(MATRIX)
    matrix[0, 2] = 2  # class 2 is predicted but never there
    scores = Scores.from_confusion(matrix)
    total = 3 / 8 + 2 / 5
    assert scores.mean_iou("present") == pytest.approx(total / 2)
    assert scores.mean_iou("either") == pytest.approx(total / 3)
    assert scores.mean_iou("all") == pytest.approx(total / 4)


def test_accuracies_count_pixels_or_classes() -> None:
    scores = Scores.from_confusion(torch.tensor([[6, 2], [1, 1]]), ("ground", "sky"))
    assert scores.pixel_accuracy == pytest.approx(0.7)
    assert scores.mean_accuracy == pytest.approx((0.75 + 0.5) / 2)


def test_nothing_measured_is_nan_without_a_warning() -> None:
    scores = Scores.from_confusion(np.zeros((3, 3), int))
    assert np.isnan([scores.mean_iou(), scores.pixel_accuracy, scores.mean_accuracy]).all()
    assert scores.mean_iou("all") == 0


def test_agrees_with_scikit_learn() -> None:
    pred, labels = np.random.default_rng(0).integers(0, 5, (2, 500))
    scores = Scores.from_confusion(confusion_matrix(pred, labels, 5))
    assert scores.iou == pytest.approx(jaccard_score(labels, pred, average=None))
    assert scores.pixel_accuracy == pytest.approx(accuracy_score(labels, pred))
    assert scores.mean_accuracy == pytest.approx(balanced_accuracy_score(labels, pred))


def test_agrees_with_torchmetrics() -> None:
    from torchmetrics.functional.classification import multiclass_jaccard_index

    pred, labels = torch.randint(0, 4, (2, 300), generator=torch.Generator().manual_seed(0))
    wanted = multiclass_jaccard_index(pred, labels, 4)
    assert Scores.from_confusion(confusion_matrix(pred, labels, 4)).mean_iou() == pytest.approx(float(wanted))


def test_names_and_classes_must_agree() -> None:
    with pytest.raises(ValueError, match="1 names for a confusion matrix of 2 classes"):
        Scores.from_confusion(np.eye(2, dtype=int), ("cat",))


@pytest.mark.usefixtures("unchecked")
def test_an_unknown_convention_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="expected a convention of either, present, all, got 'voc'"):
        Scores.from_confusion(np.eye(2, dtype=int)).mean_iou("voc")


@pytest.mark.golden("kd", "seg_metric")
def test_matches_the_numbers_of_cirkd(case: dict[str, np.ndarray]) -> None:
    logits, labels = torch.from_numpy(case["in_logits"]), case["in_labels"]
    labels = np.where((labels < 0) | (labels == int(case["hp_ignore_index"])), IGNORE, labels)
    official = Scores.from_confusion(confusion_matrix(case["in_pred"], labels, int(case["hp_num_classes"])))
    assert np.array_equal(official.counts[:, 0], case["out_total_inter"])
    assert np.array_equal(official.counts[:, 1:].sum(1) - official.counts[:, 0], case["out_total_union"])
    assert official.mean_iou("all") == pytest.approx(float(case["out_mIoU_official"]), rel=1e-6)  # float32 there
    ours = Scores.from_confusion(confusion_matrix(logits.argmax(1), labels, int(case["hp_num_classes"])))
    assert ours.pixel_accuracy == pytest.approx(float(case["out_pixAcc_argmax_float"]), rel=1e-9)


@pytest.mark.golden("semi", "protocol")
def test_matches_the_numbers_of_unimatch(case: dict[str, np.ndarray]) -> None:
    scores = Scores.from_confusion(confusion_matrix(case["pred"], case["gt"], int(case["nclass"])))
    assert np.array_equal(scores.counts[:, 0], case["intersection"])
    assert np.array_equal(scores.counts[:, 1:].sum(1) - scores.counts[:, 0], case["union"])
    assert 100 * np.nan_to_num(scores.iou) == pytest.approx(case["iou"], rel=1e-9)
    assert 100 * scores.mean_iou("all") == pytest.approx(float(case["miou"]), rel=1e-9)
    present = [100 * scores.mean_iou(convention) for convention in ("present", "either")]  # theirs does not say which
    assert any(mean == pytest.approx(float(case["miou_present_only"]), rel=1e-9) for mean in present)
