import json

import numpy as np
import pytest
import torch

from seglet.evaluation.cam_curve import CAM_THRESHOLDS, CamCurve
from seglet.evaluation.confusion import confusion_matrix
from seglet.evaluation.scores import Scores
from seglet.types import IGNORE, Classes

CLASSES = Classes(("background", "cat", "dog"), ((0, 0, 0), (1, 0, 0), (2, 0, 0)))
HALF = (0.25, 0.5, 0.75)


def test_a_pixel_is_background_up_to_the_threshold() -> None:
    curve = CamCurve(CLASSES, HALF)
    curve.add(torch.tensor([[[9.0, 9.0]], [[0.5, 0.1]], [[0.2, 0.6]]]), torch.tensor([[1, 2]]))
    called = [[[0, 1, 0], [0, 0, 1]], [[1, 0, 0], [0, 0, 1]], [[1, 0, 0], [1, 0, 0]]]
    assert curve.confusion()[:, 1:].tolist() == called
    assert curve.miou("present").tolist() == [1, 0.5, 0]
    assert (curve.best().threshold, curve.best().miou) == (0.25, 1)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_equals_an_evaluation_at_each_threshold(place: int) -> None:
    generator = torch.Generator().manual_seed(place)
    names = ["cat", "dog", "cow"]
    names.insert(place, "background")
    curve = CamCurve(Classes(tuple(names), ((0, 0, 0),) * 4))
    pairs = [(torch.rand(4, 9, 7, generator=generator), torch.randint(4, (9, 7), generator=generator)) for _ in "ab"]
    for cams, labels in pairs:
        labels[0] = IGNORE
        curve.add(cams, labels)
    for threshold, found in zip(CAM_THRESHOLDS, curve.miou(), strict=True):
        maps = [cams.index_fill(0, torch.tensor([place]), threshold) for cams, _ in pairs]
        matrix = sum(confusion_matrix(cams.argmax(0), labels, 4) for cams, (_, labels) in zip(maps, pairs, strict=True))
        assert found == Scores.from_confusion(matrix).mean_iou()


def test_void_alone_counts_nothing() -> None:
    curve = CamCurve(CLASSES, HALF)
    curve.add(torch.full((3, 1, 1), torch.nan), torch.full((1, 1), IGNORE))
    assert curve.sums.sum() == 0
    assert np.isnan(curve.best().miou)
    assert json.loads(json.dumps(curve.as_dict(), allow_nan=False))["curve"]["miou"] == [None] * 3


def test_processes_add_up() -> None:
    curve = CamCurve(CLASSES, HALF)
    curve.add(torch.rand(3, 2, 2), torch.zeros(2, 2, dtype=torch.uint8))
    assert torch.equal(curve.reduce().confusion(), curve.confusion())


@pytest.mark.parametrize("thresholds", [(), (0.5, 0.5), (0.5, 0.2), (float("nan"), 1)])
def test_thresholds_must_rise(thresholds: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="each above the one before"):
        CamCurve(CLASSES, thresholds)


def test_classes_without_a_background_are_refused() -> None:
    with pytest.raises(ValueError, match="called background and at least one other, got cat"):
        CamCurve(Classes(("cat",), ((0, 0, 0),)))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("cams", "label", "said"),
    [
        (torch.zeros(2, 1, 1), 0, "expected maps"),
        (torch.zeros(3, 2, 1), 0, "resize them"),
        (torch.full((3, 1, 1), torch.inf), 0, "no numbers"),
        (torch.zeros(3, 1, 1), 3, "labels go from 3"),
    ],
)
def test_what_cannot_be_counted_is_refused(cams: torch.Tensor, label: int, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        CamCurve(CLASSES, HALF).add(cams, torch.tensor([[label]]))
