"""Tiles of large images, and their blending."""

import numpy as np

from seglet.inference.tiles import blend_tiles, tile_spans


def test_tiles_are_evenly_spaced_and_overlap_at_least_as_much_as_asked():
    assert tile_spans(10, 4, 1) == [(0, 4), (3, 7), (6, 10)]
    assert tile_spans(11, 4, 1) == [(0, 4), (2, 6), (5, 9), (7, 11)]
    assert tile_spans(3, 4, 1) == [(0, 3)]


def test_blended_tiles_give_back_what_depends_on_the_pixel_alone():
    truth = np.random.default_rng(0).random((2, 23, 31), np.float32)
    found = np.full_like(truth, np.nan)

    def predict(window):
        return truth[:, window.top : window.top + window.height, window.left : window.left + window.width]

    for part in blend_tiles(predict, (23, 31), tile=8, overlap=3):
        at = part.window
        assert np.isnan(found[:, at.top : at.top + at.height, at.left : at.left + at.width]).all()
        found[:, at.top : at.top + at.height, at.left : at.left + at.width] = part.probabilities
    np.testing.assert_allclose(found, truth, rtol=1e-5)


def test_weights_fall_linearly_over_the_overlap():
    answers = iter([0.0, 1.0])

    def predict(window):
        return np.full((1, window.height, window.width), next(answers), np.float32)

    parts = list(blend_tiles(predict, (1, 6), tile=4, overlap=2))
    row = np.concatenate([part.probabilities[0, 0] for part in parts])
    np.testing.assert_allclose(row, [0, 0, 1 / 3, 2 / 3, 1, 1], rtol=1e-6)
