import json
import math

import numpy as np
import pytest
import torch

from seglet.evaluation.confusion import confusion_matrix
from seglet.evaluation.confusion_ratio import Cooccurrence, confusion_ratio, mean_confusion_ratio
from seglet.evaluation.scores import Scores, class_counts
from seglet.types import IGNORE, Classes

CLASSES = Classes(("background", "cat", "dog"), ((0, 0, 0), (1, 0, 0), (2, 0, 0)))


def counts(*rows: list[int]) -> np.ndarray:
    return class_counts(np.array(rows))


def test_false_positives_are_divided_by_true_ones() -> None:
    assert confusion_ratio(counts([6, 2], [3, 4])).tolist() == [3 / 6, 2 / 4]


def test_never_right_is_infinite_and_never_predicted_is_nothing() -> None:
    found = confusion_ratio(counts([3, 1, 0], [1, 0, 0], [0, 0, 0]))
    assert found[:2].tolist() == [1 / 3, math.inf]
    assert math.isnan(found[2])


def test_a_class_that_is_never_right_costs_the_ceiling() -> None:
    failing = counts([3, 1, 0], [1, 0, 0], [0, 0, 0])
    assert mean_confusion_ratio(failing) == pytest.approx((1 / 3 + 100) / 2)
    assert mean_confusion_ratio(failing, ceiling=2) == pytest.approx((1 / 3 + 2) / 2)
    assert mean_confusion_ratio(failing, ceiling=math.inf) == math.inf


def test_nothing_predicted_is_nan_without_a_warning() -> None:
    assert math.isnan(mean_confusion_ratio(counts([0, 0], [0, 0])))


@pytest.mark.parametrize("ceiling", [0, -1, math.nan])
def test_a_ceiling_of_nothing_is_refused(ceiling: float) -> None:
    with pytest.raises(ValueError, match="ceiling above 0"):
        mean_confusion_ratio(counts([1]), ceiling)


@pytest.mark.golden("weak", "confusion_ratio")
def test_matches_authors_numbers(case: dict[str, np.ndarray]) -> None:
    k, images = int(case["num_classes"]), [name.removeprefix("gt") for name in case if name.startswith("gt")]
    matrix = sum(confusion_matrix(case[f"pred{image}"], case[f"gt{image}"], k) for image in images)
    found, scores = class_counts(matrix), Scores.from_confusion(matrix)
    assert confusion_ratio(found) == pytest.approx(case["cr"], rel=1e-9, nan_ok=True)
    if not np.isnan(case["mean_cr"]):  # theirs is, where a class is never predicted
        assert mean_confusion_ratio(found, ceiling=math.inf) == pytest.approx(float(case["mean_cr"]), rel=1e-9)
    means = (scores.mean_iou("present"), scores.pixel_accuracy, scores.mean_accuracy)
    assert means == pytest.approx([float(case[name]) for name in ("miou", "pAcc", "mAcc")], rel=1e-9)


def filled() -> Cooccurrence:
    found = Cooccurrence(CLASSES)
    found.add(torch.tensor([[0, 1, 1]]), torch.tensor([[0, 1, 0]]))  # cat alone: one false cat
    found.add(torch.tensor([[1, 1, 2]]), torch.tensor([[1, 2, 2]]))  # both: one false cat
    found.add(torch.tensor([[2, 0, 0]]), torch.tensor([[0, 0, IGNORE]]))  # neither: a false dog
    return found


def test_images_are_kept_apart_by_how_many_classes_they_show() -> None:
    found = filled()
    assert found.images.tolist() == [1, 1, 1, 0]
    assert confusion_ratio(found.single)[1] == 1
    assert confusion_ratio(found.shared)[1] == 1
    assert confusion_ratio(found.overall)[1:].tolist() == [2 / 2, 1 / 1]


def test_the_parts_add_up_to_the_whole() -> None:
    found = filled()
    assert np.array_equal(found.counts(0, 0) + found.single + found.shared, found.overall)


def test_given_tags_are_the_classes_of_an_image() -> None:
    found = Cooccurrence(CLASSES)
    found.add(torch.tensor([[1]]), torch.tensor([[1]]), tags=(1, 2))
    assert found.images.tolist() == [0, 0, 1, 0]


def test_everything_can_be_written_as_json() -> None:
    found = filled()
    found.sums[:, 2, 0] = 0
    written = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert (written["never_right"], written["classes"][2]["overall"]) == (["dog"], None)
    assert [row["images"] for row in written["by_number"]] == [1, 1, 1]
    assert found.reduce().as_dict() == found.as_dict()
