import numpy as np
import torch

from seglet.data.dataset import Sample
from seglet.evaluation.boundary import BoundaryCounts, band_width, boundary_band
from seglet.evaluation.evaluate import EvaluationOptions, evaluate_samples
from seglet.types import Classes

HALVES = Classes(("left", "right"), ((0, 0, 0), (1, 1, 1)))


def test_the_band_of_a_square_is_its_rim():
    inside = np.zeros((5, 5), np.bool_)
    inside[1:4, 1:4] = True
    rim = inside.copy()
    rim[2, 2] = False
    np.testing.assert_array_equal(boundary_band(inside, 1), rim)


def test_the_border_of_the_image_is_an_outline():
    assert boundary_band(np.ones((5, 5), np.bool_), 1).sum() == 16
    assert boundary_band(np.ones((5, 5), np.bool_), 2).sum() == 24


def test_the_band_is_as_wide_as_a_share_of_the_diagonal():
    assert band_width(300, 400) == 10
    assert band_width(1, 20000) == 400
    assert band_width(1, 1) == 1


def test_only_pixels_near_outlines_count():
    truth, found = np.zeros((20, 20), np.uint8), np.zeros((20, 20), np.uint8)
    truth[5:15, 5:15] = 1
    found[5:15, 6:15] = 1
    boundary = BoundaryCounts(2)
    boundary.add(found, truth)
    assert boundary.counts[1].tolist() == [36 - 10, 36, 34]


def test_void_pixels_are_not_counted():
    boundary = BoundaryCounts(2)
    boundary.add(np.ones((4, 4), np.uint8), np.full((4, 4), 255, np.uint8))
    assert boundary.counts.sum() == 0


def test_a_shifted_outline_costs_more_here_than_over_whole_masks():
    labels = (np.arange(64) >= 32)[None].repeat(64, 0).astype(np.uint8)
    sample = Sample("one", np.zeros((64, 64, 3), np.uint8), labels)

    def shifted(images):
        wrong = torch.from_numpy(np.roll(labels, 2, 1)).long()
        return torch.nn.functional.one_hot(wrong, 2).permute(2, 0, 1)[None].float()

    scores = evaluate_samples(shifted, [sample], HALVES, EvaluationOptions(replicas=0, boundary=True)).scores()
    assert scores["boundary_iou"] < scores["miou"] < 1
    assert "boundary_iou" not in evaluate_samples(shifted, [sample], HALVES, EvaluationOptions(replicas=0)).scores()
