"""Smoothed probabilities of the frames of a video, and the options."""

import numpy as np
import pytest

from seglet.inference.video_prediction import VideoOptions, smoothed


def test_a_frame_counts_smooth_times_as_much_as_the_one_after_it():
    first, second = np.full((1, 1, 1), 1.0, np.float32), np.full((1, 1, 1), 0.0, np.float32)
    assert smoothed(None, first, 0.75) == 1
    assert smoothed(first, second, 0.75) == 0.75
    assert smoothed(first, second, 0) == 0
    assert smoothed(np.zeros((1, 2, 2), np.float32), first, 0.75) == 1  # the size of the frames has changed


@pytest.mark.parametrize(("smooth", "rate"), [(1.0, 25), (-0.1, 25), (0, 0), (0, 1e9)])
def test_options_out_of_range_are_refused(tmp_path, smooth, rate):
    with pytest.raises(ValueError, match=r"smooth|rate"):
        VideoOptions(tmp_path, smooth, rate)
