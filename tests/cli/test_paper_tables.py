"""FOTF's tables on the paper's data: every row that it prints has a row here, which trains what the preset says."""

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from seglet.engine.experiment import resolve_experiment
from seglet.engine.presets import preset_folder, read_presets
from seglet.files import write_text
from seglet.results import worker
from seglet.results.checks import check_table
from seglet.results.collect import table_command
from seglet.results.definition import table_definition, with_presets
from seglet.results.experiments import experiment_keys, scoring_options
from seglet.results.markdown import render_results
from seglet.results.plan import Cell, TablePlan
from seglet.results.runner import default_jobs
from seglet.results.tasks import TrainTask, task_to_json
from seglet.values import ConfigError

ROOT = Path(__file__).parents[2]
TABLES = {"1a": "fotf-cityscapes", "1b": "fotf-camvid-full", "1c": "fotf-voc", "3": "fotf-cityscapes"}
DATA = {"Cityscapes": "fotf-cityscapes", "CamVid": "fotf-camvid-full", "PascalVOC": "fotf-voc"}


def plan(name, folder=Path("runs"), **changes):
    return TablePlan(
        table_definition(name), folder / "runs", folder / "results", **{"overrides": {"data": "DIR"}, **changes}
    )


def keys(name, row):
    return experiment_keys(plan(name), Cell(row, 0))


@pytest.fixture(scope="session")
def printed_tables(shared_data):
    file = shared_data.parent / "tables" / "fotf.json"
    if not file.is_file():
        pytest.skip(f"the paper's tables are not at {file}")
    return {table["id"]: table["rows"] for table in json.loads(file.read_text(encoding="utf-8"))["tables"]}


def value(cell):
    return cell["value"] if isinstance(cell, dict) else cell


def numbers_of(name, source, score="miou"):
    """The numbers that a definition gives for one of the paper's tables, in ascending order."""
    return sorted(entry[score] for entry in table_definition(name).paper if entry["source"] == f"Table {source}")


@pytest.mark.parametrize("table", TABLES)
def test_every_row_of_tables_1_and_3_is_there_with_its_number(table, printed_tables):
    printed = sorted(value(row["mIoU"]) for row in printed_tables[table])
    assert numbers_of(TABLES[table], table) == printed


@pytest.mark.parametrize("data", DATA)
def test_every_row_of_table_2_is_there_with_its_number(data, printed_tables):
    printed = sorted(value(row["mIoU"]) for row in printed_tables["2"] if row["dataset"] == data)
    assert numbers_of(DATA[data], "2") == printed


@pytest.mark.parametrize("table", ["4", "5", "8"])
def test_every_cell_of_the_ablations_but_averages_is_there_with_its_number(table, printed_tables):
    rows = [row for row in printed_tables[table] if row["κ"] != "average"]
    cells = [cell for row in rows for name, cell in row.items() if name not in ("κ", "merge", "line", "_marks")]
    vanilla = [75.65] if table == "4" else []  # in the caption
    assert numbers_of("fotf-cityscapes", table) == sorted(cells + vanilla)


def test_every_row_of_table_7_is_there_with_both_its_numbers(printed_tables):
    rows = printed_tables["7"]
    assert numbers_of("fotf-camvid-full", "7") == sorted(value(row["mIoU"]) for row in rows)
    assert numbers_of("fotf-camvid-full", "7", "ece") == sorted(value(row["ECE"]) for row in rows)


@pytest.mark.parametrize("name", sorted(set(TABLES.values())))
def test_every_number_of_the_paper_belongs_to_a_row(name):
    definition = table_definition(name)
    assert {entry["row"] for entry in definition.paper} <= definition.rows.keys()
    assert definition.rows.keys() - {entry["row"] for entry in definition.paper} <= {  # vanilla KD, and controls
        "deeplabv3-kd", "pspnet-kd", "deeplabv3-kd-control", "pspnet-kd-control"
    }  # fmt: skip


def test_a_row_is_its_preset_with_the_tables_teacher():
    row = resolve_experiment(None, keys("fotf-cityscapes", "deeplabv3-kd-fotf")).values()
    preset = resolve_experiment(ROOT / "configs/fotf/cityscapes.yaml#deeplabv3-kd", {}).values()
    other = {key for key in row if row[key] != preset[key]}
    assert other == {"data", "sync_bn", "student_weights", "teacher"}
    assert row["teacher"] == "runs/runs/teacher-0/model"  # the one that validation selected
    assert (row["weight_decay"], row["steps"], row["crop"]) == (5e-4, 40_000, [512, 1024])


def test_rows_of_the_ablations_differ_from_their_preset_in_what_the_paper_varies():
    row = keys("fotf-cityscapes", "kd-sample-exponential-3")
    assert (row["kd_merge"], row["function"], row["kappa"], row["weigh_task"]) == ("sample", "exponential", 3, False)
    both = resolve_experiment(None, keys("fotf-cityscapes", "both-sample-3")).values()
    assert (both["task_merge"], both["kappa"], both["weigh_kd"], both["weigh_task"]) == ("sample", 3, True, True)


def test_published_weights_of_resnet_18_start_its_rows_and_no_others():
    assert keys("fotf-voc", "pspnet")["student_weights"] == "runs/resnet18-imagenet"
    teacher = keys("fotf-voc", "teacher")
    assert teacher["pretrained"] == "timm:resnet101s.gluon_in1k"
    assert "student_weights" not in teacher
    given = plan("fotf-cityscapes", overrides={"data": "DIR", "student_weights": "mine"})
    assert experiment_keys(given, Cell("deeplabv3", 0))["student_weights"] == "mine"
    assert "student_weights" not in experiment_keys(given, Cell("segformer", 0))


def test_a_row_is_scored_by_the_windows_of_its_validations():
    whole, windows = (scoring_options(plan("fotf-cityscapes"), Cell(row, 0)) for row in ("pspnet", "segformer-cirkd"))
    assert (whole.window, windows.window, windows.stride) == (None, (1024, 1024), (1024, 1024))


def small(images, **more):
    keys = {"data": str(images), "sync_bn": "false", "student_weights": "none", "accelerator": "cpu", **more}
    return plan("fotf-camvid-full", images.parent, overrides=keys, rows=("deeplabv3-fotf",))


def test_what_a_table_lacks_is_said_before_anything_is_trained(images):
    with pytest.raises(ValueError, match=r"'test', which .*images does not have; it has train, val: give --score-on"):
        check_table(small(images))
    here = replace(small(images), score_on="val")
    check_table(here)
    with pytest.raises(ConfigError, match=r"shared between GPUs only; give --sync_bn false on a processor"):
        check_table(replace(here, overrides={**here.overrides, "sync_bn": "true"}))
    with pytest.raises(ValueError, match=r"--architecture deeplabv3-resnet18 .*--student_weights none for chance"):
        check_table(replace(here, overrides={**here.overrides, "student_weights": "away"}))
    with pytest.raises(ConfigError, match="devices"):
        check_table(replace(here, overrides={**here.overrides, "batch": 3, "devices": 2}))


def test_a_row_that_was_finished_with_other_keys_or_on_another_split_is_not_taken_for_this_tables(images):
    trial, cell = replace(small(images, steps=2), score_on="val"), Cell("deeplabv3-fotf", 0)
    folder = trial.folders.run(cell)
    write_text(folder / "experiment.yaml", resolve_experiment(None, experiment_keys(trial, cell)).yaml())
    write_text(folder / "scores.json", '{"split": "val"}')
    check_table(trial)
    check_table(replace(trial, overrides={**trial.overrides, "workers": 7}))  # cannot change the result
    with pytest.raises(ValueError, match=r"fotf-0 is finished, but not .*\n  steps: was 2, now 40000\ndelete"):
        check_table(replace(small(images), score_on="val"))
    with pytest.raises(ValueError, match="split to score on: was 'val', now 'train'"):
        check_table(replace(trial, score_on="train"))


def test_the_split_that_was_scored_instead_is_part_of_the_command(images):
    assert table_command(replace(small(images), score_on="val", overrides={"data": "/my/data", "devices": 4})) == (
        "seglet table fotf-camvid-full --score-on val --data DIR --devices 4"
    )


def test_one_run_at_a_time_has_all_devices(images):
    assert default_jobs(small(images, devices="4")) == 1


def test_processes_of_further_devices_get_their_task_from_the_first(monkeypatch, tmp_path):
    done = []
    monkeypatch.setattr(TrainTask, "run", lambda task: done.append(task.folder))
    monkeypatch.setattr(worker.signal, "signal", lambda *given: None)
    monkeypatch.setattr(worker, "_end_with_parent", lambda: None)  # there is no pipe to wait on
    given = json.dumps({"argv": ["seglet", "table"], "task": task_to_json(TrainTask("a", {"method": "fotf"}))})
    monkeypatch.setattr("sys.argv", [])
    monkeypatch.setenv(worker.TASK_VARIABLE, "")
    for text in (given, ""):  # a launcher leaves nothing on the standard input of the second
        monkeypatch.setattr("sys.stdin", io.StringIO(text))
        assert worker.main() == 0
    assert done == ["a", "a"]


def test_a_table_names_the_papers_tables_and_all_that_they_print_about_a_row():
    definition = table_definition("fotf-camvid-full")
    scores = {"miou": 0.5, "ece": 0.1, "pixel_accuracy": 0.5}
    rows = [{"row": row, "seed": 0, **scores} for row in ("deeplabv3", "pspnet")]
    about = {"columns": definition.columns, "paper": definition.paper, "command": "", "commit": "", "hardware": ""}
    head, _, first, second = render_results({**about, "rows": rows}).splitlines()[:4]
    assert head == "| row | mIoU % | ECE % (10 bins) | in the paper | seeds | paper: mIoU % | paper: ECE % |"
    assert first == "| deeplabv3 | 50.00 | 10.00 | Table 1b, Table 2, Table 7 | 1 | 66.92 / 66.96 | 4.46 |"
    assert second == "| pspnet | 50.00 | 10.00 | Table 1b, Table 2 | 1 | 66.73 |  |"


def test_rows_without_a_preset_are_as_they_stand():
    assert with_presets({"a": {"method": "fotf", "steps": 3}}) == {"a": {"method": "fotf", "steps": 3}}
    rows = with_presets({"a": {"preset": "fotf/camvid#pspnet-kd", "kappa": 7}})
    assert (rows["a"]["kappa"], rows["a"]["student"], "preset" in rows["a"]) == (7, "pspnet-resnet18", False)


def test_an_unknown_preset_is_refused_with_those_there_are():
    with pytest.raises(ConfigError, match="no row 'pspnet-kdd'; did you mean 'pspnet-kd'"):
        read_presets(["fotf/camvid#pspnet-kdd"])
    with pytest.raises(ConfigError, match="cannot read the experiment"):
        read_presets(["fotf/nowhere"])
    assert (preset_folder() / "fotf" / "camvid.yaml").is_file()
