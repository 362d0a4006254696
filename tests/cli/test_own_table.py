"""Tables of one's own: experiment files with rows, trained on several seeds by `seglet table FILE`."""

from pathlib import Path

import pytest

from seglet.engine.experiment import resolve_experiment
from seglet.results.collect import table_command
from seglet.results.experiments import experiment_keys
from seglet.results.own_table import open_table
from seglet.results.plan import Cell, TablePlan
from seglet.values import ConfigError

TABLE = """
method: fotf
student: pspnet-resnet18
table:
  title: What a teacher gives
  seeds: [0, 3]
  score_on: test
  columns: [miou]
  paper: {kd: {miou: 75.1}}
rows:
  teacher: {method: supervised, supervision: all masks}
  kd: {teacher: "@teacher", kappa: 3}
  given: {teacher: runs/light/model, student_weights: "@kd"}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(TABLE)
    return path


def test_a_file_with_rows_is_a_table(file: Path, tmp_path: Path) -> None:
    found = open_table(str(file))
    assert (found.name, found.title, found.seeds, found.score_on) == ("mine", "What a teacher gives", (0, 3), "test")
    assert (found.columns, found.paper) == (("miou",), ({"row": "kd", "miou": 75.1},))
    assert [(row.teacher, row.supervision) for row in found.rows.values()] == [
        (None, "all masks"), ("teacher", ""), (None, "")
    ]  # fmt: skip
    plan = TablePlan(found, tmp_path / "runs", tmp_path / "results", {"data": "/mine", "steps": 5})
    assert list(plan.cells())[:3] == [Cell("teacher", 0), Cell("kd", 0), Cell("given", 0)]
    assert table_command(plan) == f"seglet table {file} --data DIR --steps 5"


def test_initial_weights_may_be_those_of_another_row_on_the_same_seed(file: Path, tmp_path: Path) -> None:
    plan = TablePlan(open_table(str(file)), tmp_path / "runs", tmp_path / "results")
    cell = Cell("given", 3)
    assert plan.sources(cell) == [Cell("kd", 3)]
    assert experiment_keys(plan, cell)["student_weights"] == str(tmp_path / "runs" / "kd-3" / "last")


def test_a_row_is_still_an_experiment_of_its_own(file: Path) -> None:
    assert resolve_experiment(f"{file}#kd", {"teacher": "runs/teacher/model"}).values()["kappa"] == 3


def test_without_a_word_about_the_table_it_has_three_seeds_of_val(file: Path) -> None:
    file.write_text("method: supervised\nrows: {one: {}, two: {steps: 5}}\n")
    found = open_table(str(file))
    assert (found.title, found.seeds, found.score_on) == ("mine", (0, 1, 2), "val")


def test_the_tables_of_the_package_keep_their_names() -> None:
    assert open_table("fotf").name == "fotf"
    with pytest.raises(ValueError, match="no table 'fotv'; did you mean 'fotf'"):
        open_table("fotv")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("@teacher", "@teachr", r"row 'kd' needs the row 'teachr', which is not there; .*'teacher'"),
        ("{method: supervised,", '{teacher: "@kd",', "rows given, kd, teacher need one another in a circle"),
        ("seeds: [0, 3]", "seed: 1", r"unknown key 'seed'.*did you mean 'seeds'"),
        ("seeds: [0, 3]", "seeds: [1, 1]", r"expected different seeds from 0 on, got \[1, 1\]"),
        ("paper: {kd", "paper: {dk", "table: paper: there is no row dk"),
        ("rows:", "other:", "is one experiment, not a table"),
    ],
)
def test_what_is_wrong_with_it_is_named(file: Path, old: str, new: str, message: str) -> None:
    file.write_text(TABLE.replace(old, new))
    with pytest.raises(ConfigError, match=message):
        open_table(str(file))
