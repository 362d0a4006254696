import json
import math

import pytest
import torch

from seglet.evaluation.pseudo_labels import PseudoLabelQuality
from seglet.types import IGNORE, Classes

CLASSES = Classes(("background", "cat"), ((0, 0, 0), (1, 0, 0)))
TRUTH = torch.tensor([0, 0, 0, 1, 1, IGNORE])
PSEUDO = torch.tensor([0, 1, IGNORE, 1, IGNORE, 1])


def test_scores_are_named_by_class_and_count_shares_of_what_was_predicted() -> None:
    labels, truth = torch.tensor([0, 0, 0, 1]), torch.tensor([0, 1, 255, 1])
    found = quality(labels, truth, torch.tensor([1.0, 0.0, 1.0, 1.0])).scores()
    first, second = CLASSES.names[:2]
    assert (found["trusted"], found["precision"]) == (pytest.approx(2 / 3), 1)
    assert (found[f"trusted/{first}"], found[f"trusted/{second}"]) == (0.5, 1)
    assert (found[f"precision/{first}"], found[f"precision/{second}"]) == (1, 1)


def quality(*arguments: torch.Tensor) -> PseudoLabelQuality:
    found = PseudoLabelQuality(CLASSES)
    found.add(*arguments)
    return found


def test_coverage_and_precision_count_pixels_of_known_truth() -> None:
    found = quality(PSEUDO, TRUTH)
    assert (found.coverage, found.precision) == (3 / 5, 2 / 3)
    assert found.class_precision().tolist() == [1, 1 / 2]


def test_untrusted_pixels_are_left_out_or_missed() -> None:
    found = quality(PSEUDO, TRUTH)
    assert found.miou() == pytest.approx((1 / 2 + 1 / 2) / 2)
    assert found.miou_overall() == pytest.approx((1 / 3 + 1 / 3) / 2)


def test_a_pixel_without_weight_is_not_trusted() -> None:
    found = quality(torch.tensor([0, 1]), torch.tensor([0, 0]), torch.tensor([0.3, 0.0]))
    assert (found.coverage, found.precision) == (1 / 2, 1)


def test_images_add_up() -> None:
    found = quality(PSEUDO[:2], TRUTH[:2])
    found.add(PSEUDO[2:], TRUTH[2:])
    assert found.reduce().as_dict() == quality(PSEUDO, TRUTH).as_dict()


def test_nothing_trusted_is_nothing_measured() -> None:
    found = quality(torch.full((2,), IGNORE), torch.tensor([0, 1]))
    assert (found.coverage, found.miou_overall()) == (0, 0)
    assert math.isnan(found.precision)
    assert json.loads(json.dumps(found.as_dict(), allow_nan=False))["precision"] is None


@pytest.mark.parametrize(("label", "truth", "said"), [(2, 0, "hold 2"), (3, 0, "hold 3"), (0, 2, "true labels hold 2")])
def test_what_is_no_class_is_refused(label: int, truth: int, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        quality(torch.tensor([label]), torch.tensor([truth]))
