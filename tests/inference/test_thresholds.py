import numpy as np
import pytest

from seglet.inference.options import InferenceOptions, PseudoLabelOptions
from seglet.inference.thresholds import chosen_probability, class_thresholds, labels_above
from seglet.types import IGNORE, Classes

CLASSES = Classes.named(("sky", "road", "pole"))
MAPS = np.array([[[0.6, 0.5, 0.1]], [[0.1, 0.3, 0.2]], [[0.3, 0.2, 0.7]]], np.float32)
"""Probabilities of sky, road and pole in three pixels."""


def labels(*given: str) -> list[int]:
    return labels_above(MAPS, class_thresholds(given, CLASSES))[0].tolist()


def test_without_thresholds_the_most_probable_class_is_taken() -> None:
    assert labels() == [0, 0, 2]


def test_a_low_threshold_finds_more_of_a_class_and_a_high_one_less() -> None:
    assert labels("pole=0.25") == [2, 0, 2]
    assert labels("pole=0.8") == [0, 0, 1]


def test_of_several_the_one_that_exceeds_its_own_most_is_taken() -> None:
    assert labels("pole=0.2", "road=0.1") == [2, 1, 2]  # 1.5 to 1; 1 to 3; 3.5 to 2


def test_what_reaches_no_threshold_is_void_if_all_classes_have_one() -> None:
    assert labels("sky=0.55", "road=0.9", "pole=0.9") == [0, IGNORE, IGNORE]


def test_confidence_is_that_of_the_class_taken() -> None:
    found = np.array([[2, 0, IGNORE]], np.uint8)
    np.testing.assert_allclose(chosen_probability(MAPS, found), [[0.3, 0.5, 0.7]])


@pytest.mark.parametrize(
    ("given", "message"),
    [("pole", "expected CLASS=PROB"), ("pol=0.3", "did you mean 'pole'"), ("pole=0", "above 0"), ("pole=x", "above 0")],
)
def test_wrong_thresholds_are_named(given: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        class_thresholds((given,), CLASSES)


def test_pseudo_labels_refuse_them() -> None:
    with pytest.raises(ValueError, match="one threshold for all"):
        PseudoLabelOptions(inference=InferenceOptions(thresholds=("pole=0.3",)))
