"""Votes of class scores within segments, worked out by hand."""

import torch

from seglet.labels.refine.segments import vote_in_segments

SCORES = torch.tensor([[[0.9, 0.1, 0.2, 0.0]], [[0.1, 0.9, 0.8, 0.0]]])  # one row of four pixels, the last unscored


def test_a_pixel_has_the_mean_over_the_smallest_segment_that_covers_it() -> None:
    segments = torch.tensor([[[True, True, False, False]], [[True, True, True, True]]])
    voted = vote_in_segments(SCORES, segments)
    torch.testing.assert_close(voted[0, 0], torch.tensor([0.5, 0.5, 0.4, 0.4]))
    torch.testing.assert_close(voted[1, 0], torch.tensor([0.5, 0.5, 0.6, 0.6]))


def test_pixels_outside_all_segments_and_segments_without_scores_keep_what_they_have() -> None:
    segments = torch.tensor([[[False, False, False, True]], [[True, False, False, False]]])
    assert torch.equal(vote_in_segments(SCORES, segments), SCORES)
    assert torch.equal(vote_in_segments(SCORES, segments[:0]), SCORES)
