import math

import numpy as np

from seglet.evaluation.slices import ScoreSlices

CONFUSION = np.array([[90, 0, 0], [2, 2, 0], [3, 0, 3]])  # of 100 pixels: 90 background, 4 and 6 of two classes


def test_classes_are_sorted_by_the_share_they_cover():
    slices = ScoreSlices(3, background=0)
    slices.add(CONFUSION, stops=0.0)
    (none, _), (small, first), (middle, second), (large, third) = slices.size.rows()
    assert (none, small, middle, large) == (0, 1, 1, 1)
    assert (first, second, third) == (2 / 4, 3 / 6, 90 / 95)


def test_images_are_sorted_by_light_and_by_classes():
    slices = ScoreSlices(3, background=0)
    slices.add(CONFUSION, stops=4.0)
    slices.add(np.diag([100, 0, 0]), stops=0.5)
    assert [number for number, _ in slices.stops.rows()] == [1, 0, 1, 0]
    assert [number for number, _ in slices.crowd.rows()] == [1, 1, 0, 0]
    assert slices.crowd.rows()[0][1] == 1
    assert math.isnan(slices.crowd.rows()[3][1])


def test_an_empty_image_adds_nothing():
    slices = ScoreSlices(2, background=None)
    slices.add(np.zeros((2, 2), np.int64), stops=0.0)
    assert slices.size.images.sum() == 0
