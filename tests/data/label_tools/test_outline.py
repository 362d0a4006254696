"""Masks to polygons and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import array_shapes, arrays

from seglet.data.label_tools.outline import mask_outlines
from seglet.data.layouts.rasterise import rasterise_segmentation
from seglet.images.pieces import connected_pieces, number_pieces

masks = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9))


def test_the_corners_of_a_pixel_are_gone_around_clockwise():
    inside = np.array([[False, False], [False, True]])
    (square,) = mask_outlines(inside)
    assert square.tolist() == [[1, 1], [2, 1], [2, 2], [1, 2]]


def test_a_hole_is_cut_open_to_the_left():
    ring = np.ones((3, 3), np.bool_)
    ring[1, 1] = False
    (polygon,) = mask_outlines(ring)
    assert [0, 1] in polygon.tolist()
    assert rasterise_segmentation([polygon.ravel().tolist()], (3, 3)).tolist() == ring.tolist()


@given(masks)
def test_drawing_the_outlines_gives_the_mask_again(inside):
    polygons = [polygon.ravel().tolist() for polygon in mask_outlines(inside)]
    np.testing.assert_array_equal(rasterise_segmentation(polygons, inside.shape), inside)


@given(masks)
def test_each_piece_has_one_outline(inside):
    found = list(connected_pieces(inside))
    assert len(found) == len(mask_outlines(inside))
    assert all(len(mask_outlines(piece)) == 1 for piece in found)
    np.testing.assert_array_equal(np.sum([np.zeros(inside.shape, int), *found], axis=0), inside)


@given(masks)
def test_neighbours_have_the_same_number_and_no_others(inside):
    number = number_pieces(inside)
    for one, two in ((number[1:], number[:-1]), (number[:, 1:], number[:, :-1])):
        both = (one > 0) & (two > 0)
        assert (one[both] == two[both]).all()


@pytest.mark.parametrize("size", [(0, 3), (3, 0), (1, 1)])
def test_an_empty_mask_has_no_outline(size):
    assert mask_outlines(np.zeros(size, np.bool_)) == []


def test_pixels_that_meet_at_a_corner_are_two_pieces():
    assert len(list(connected_pieces(np.eye(2, dtype=np.bool_)))) == len(mask_outlines(np.eye(2, dtype=np.bool_))) == 2
