"""A job that was interrupted goes on with what is missing."""

import pytest
from tests.cli.conftest import images, model, seglet  # noqa: F401  fixtures

from seglet.files import read_json
from seglet.inference.finished_images import PREDICTION_JOURNAL
from seglet.inference.image_jobs import SegmentationJob


@pytest.fixture
def interrupted(model, images, seglet, tmp_path, monkeypatch):  # noqa: F811
    """The words of a prediction that was stopped after two images, and the images made from then on."""
    words, made, make = ["predict", model, images / "images", "--out", tmp_path / "out"], [], SegmentationJob.make

    def make_two(job, source, image):
        if len(made) == 2:
            raise KeyboardInterrupt
        made.append(source.name)
        return make(job, source, image)

    monkeypatch.setattr(SegmentationJob, "make", make_two)
    assert seglet(*words).code != 0
    later = []
    monkeypatch.setattr(SegmentationJob, "make", lambda job, *of: later.append(of[0].name) or make(job, *of))
    return words, later


def test_the_same_command_goes_on(interrupted, seglet, tmp_path):  # noqa: F811
    words, later = interrupted
    assert seglet(*words).code == 0
    assert later == ["val/val0", "val/val1"]
    whole = read_json(tmp_path / "out/predictions.json")
    assert seglet(*words, "--overwrite").code == 0
    assert whole["images"] == read_json(tmp_path / "out/predictions.json")["images"]
    assert not (tmp_path / "out" / PREDICTION_JOURNAL).exists()


def test_what_has_changed_or_is_cut_short_is_made_again(interrupted, seglet, images, tmp_path):  # noqa: F811
    words, later = interrupted
    (images / "images/train/train0.png").touch()
    journal = tmp_path / "out" / PREDICTION_JOURNAL
    journal.write_bytes(journal.read_bytes()[:-9])
    assert seglet(*words).code == 0
    assert len(later) == 4


def test_another_job_is_refused(interrupted, seglet):  # noqa: F811
    words, later = interrupted
    refused = seglet(*words, "--flip")
    assert (refused.code, later) == (2, [])
    assert "unfinished results of another model, other options or other data" in refused.err
