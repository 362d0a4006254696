"""All problems of a run at once."""

import pytest
from tests.data.disk import pairs, text

from seglet.engine.experiment import resolve_experiment
from seglet.engine.plan import plan_run
from seglet.engine.problems import run_problems
from seglet.values import ConfigError


def night(data, **keys):
    """DGKD from masks, without a teacher that is there."""
    given = {"method": "dgkd", "student": "fpn-resnet18", "learns_from": "masks", "light": "brightened"}
    return resolve_experiment(None, {**given, "data": str(data), "teacher": str(data / "none"), "width": 0.125, **keys})


@pytest.fixture
def data(tmp_path):
    pairs(tmp_path, "train")
    pairs(tmp_path, "val", first=2)
    text(tmp_path / "classes.txt", "0 background", "1 cat")
    return tmp_path


def test_every_problem_of_a_run_is_listed_and_each_once(data):
    problems = run_problems(night(data, val_split="valid", student_weights=str(data / "start"), precision="16-mixed"))
    expected = ("16-mixed", "valid", "/none", "/start")
    assert all(words in problem for words, problem in zip(expected, problems, strict=True)), problems


def test_depth_that_was_not_prepared_stands_beside_a_missing_teacher(data):
    problems = run_problems(night(data, depth="tiny-depth"))
    assert len(problems) == 2
    assert "/none" in problems[0]
    assert "seglet prepare" in problems[1]


def test_a_dry_run_shows_them_all(data):
    with pytest.raises(ConfigError, match=r"(?s)2 problems stop this run:\n  .*/none.*seglet prepare"):
        plan_run(night(data, depth="tiny-depth"))


def test_a_sound_run_has_no_problems():
    assert run_problems(resolve_experiment(None, {"method": "supervised", "width": 0.125, "world_scenes": 20})) == []
