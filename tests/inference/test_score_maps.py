"""Score maps on disk."""

import numpy as np
import pytest

from seglet.inference.score_maps import read_scores, write_scores

HALF = np.full((2, 3, 4), 0.5, np.float32)


def test_what_is_written_is_read(tmp_path):
    write_scores(tmp_path / "new/a.npz", HALF)
    np.testing.assert_array_equal(read_scores(tmp_path / "new/a.npz", 2), HALF)


def test_the_only_array_of_an_archive_is_meant(tmp_path):
    np.savez(tmp_path / "a.npz", HALF)
    assert read_scores(tmp_path / "a.npz", 2).shape == (2, 3, 4)
    np.savez(tmp_path / "a.npz", HALF, other=HALF)
    with pytest.raises(ValueError, match="2 arrays, none called 'scores'"):
        read_scores(tmp_path / "a.npz", 2)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (HALF[0], "expected floats"),
        (HALF.astype(np.uint8), "expected floats"),
        (HALF[:, :0], "expected floats"),
        (np.concatenate([HALF, HALF]), "scores of 4 classes, the class table has 2"),
        (HALF * 7, "probabilities, not logits"),
        (HALF * np.nan, "expected 0 to 1"),
        (np.array([[[{}]]]), "holds object, expected numbers"),
    ],
)
def test_other_arrays_are_refused(array, message, tmp_path):
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(ValueError, match=message):
        read_scores(tmp_path / "a.npy", 2)
