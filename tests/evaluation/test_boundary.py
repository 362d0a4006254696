import numpy as np
import pytest
import torch

from seglet.data.dataset import Sample
from seglet.evaluation.boundary import boundary_counts, near_boundary
from seglet.evaluation.evaluate import EvaluationOptions, evaluate
from seglet.types import IGNORE, Classes

HALVES = torch.tensor([[0, 0, 0, 0, 1, 1, 1, 1]] * 8)


def test_pixels_near_another_class_or_the_border_are_near_a_boundary() -> None:
    near = near_boundary(HALVES, 1)
    assert near[4].tolist() == [True, False, False, True, True, False, False, True]
    assert near[0].all()


def test_void_bounds_nothing() -> None:
    labels = torch.zeros(9, 9, dtype=torch.long)
    labels[4, 4] = IGNORE
    assert not near_boundary(labels, 1)[1:-1, 1:-1][labels[1:-1, 1:-1] == 0].any()


def test_only_what_lies_near_both_boundaries_agrees() -> None:
    found = boundary_counts(HALVES, HALVES, 2, 0.0)
    assert found.tolist() == [[20, 20, 20], [20, 20, 20]]
    assert boundary_counts(HALVES.roll(1, 1) * 0, HALVES, 2, 0.0)[0].tolist() == [14, 20, 28]


def test_void_pixels_count_nowhere() -> None:
    labels = HALVES.clone()
    labels[:, 4:] = IGNORE
    assert boundary_counts(HALVES, labels, 2)[1].tolist() == [0, 0, 0]


def test_a_shifted_boundary_costs_more_here_than_over_whole_masks() -> None:
    classes = Classes(("a", "b"), ((0, 0, 0), (1, 1, 1)))
    labels = (np.arange(64) >= 32)[None].repeat(64, 0).astype(np.uint8)
    sample = Sample("one", np.zeros((64, 64, 3), np.uint8), labels)

    def shifted(images: torch.Tensor) -> torch.Tensor:
        wrong = torch.from_numpy(np.roll(labels, 2, 1)).long()
        return torch.nn.functional.one_hot(wrong, 2).permute(2, 0, 1)[None].float()

    scores = evaluate(shifted, [sample], classes, EvaluationOptions(replicas=0, boundary=0.02)).scores()
    assert scores["boundary_iou"] < scores["miou"] < 1
    assert "boundary_iou" not in evaluate(shifted, [sample], classes, EvaluationOptions(replicas=0)).scores()


def test_a_share_beyond_the_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="boundary: expected a share"):
        EvaluationOptions(boundary=1.0)
