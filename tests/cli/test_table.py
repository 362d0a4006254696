import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Event
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from tests.engine.toys import ONE_THREAD

from seglet.data.opening import open_dataset
from seglet.data.world.dataset import World
from seglet.data.world.scene import WORLD_CLASSES
from seglet.engine.experiment import resolve_experiment
from seglet.files import read_json, write_json, write_text
from seglet.locks import LOCK_FILE
from seglet.methods import method_names
from seglet.models.architecture import Architecture
from seglet.models.segmenter import build
from seglet.results import runner
from seglet.results.collect import override_words, results_chart, write_results
from seglet.results.comparison import draw_table
from seglet.results.curves import mean_curve, score_chart
from seglet.results.definition import TableRow, demo_rows, parse_inference_options, table_definition, table_names
from seglet.results.demo_page import write_demo_page
from seglet.results.experiments import check_splits, experiment_keys, scored_data, training_keys
from seglet.results.markdown import paste_into_page, render_results
from seglet.results.pairs import gap_shares, paired_differences
from seglet.results.plan import Cell, TablePlan
from seglet.results.runner import fill_table, pending_tasks, run_task
from seglet.results.tasks import (
    AdaptTask,
    EnhancerTask,
    EvaluateTask,
    PrepareTask,
    PseudoLabelTask,
    TrainTask,
    WorldDepthTask,
    task_from_json,
    task_to_json,
)

ROOT = Path(__file__).parents[2]
TABLES = sorted(file for file in (ROOT / "docs" / "results").glob("*.json") if file.stem != "reliability")
"""Results of tables; those of `make reliability` have a page and tests of their own."""


def result(row, seed, miou):
    return {"row": row, "seed": seed, "miou": miou, "pixel_accuracy": 0.5, "ece": 0.1, "ece_15": 0.1, "curve": []}


RESULTS = {
    "name": "toy",
    "command": "seglet table toy",
    "commit": "abc",
    "hardware": "2 CPU cores",
    "rows": [result("kd", 0, 0.50), result("kd", 1, 0.54), result("fotf", 0, 0.6)],
    "paper": [{"row": "fotf", "miou": 69.66}, {"row": "fotf", "miou": 69.66, "ece": 4.0}],
}


def table(tmp_path, name="fotf", **changes):
    folders = {"runs": tmp_path / "runs", "results": tmp_path / "results"}
    return TablePlan(table_definition(name), **{**folders, **changes})


def test_the_papers_confusion_ratios_stand_beside_ours():
    ours = {**result("fotf", 0, 0.6), "confusion_ratio": {"single": 0.5, "cooccurring": None}}
    paper = [{"row": "fotf", "miou": 69.66, "single": 0.18}]
    head, _, line = render_results(
        {**RESULTS, "rows": [ours], "columns": ["miou", "single"], "paper": paper}
    ).splitlines()[:3]
    assert head.endswith("| seeds | paper: mIoU % | paper: ratio, one class |")
    assert line == "| fotf | 60.00 | 0.50 | 1 | 69.66 | 0.18 |"


def test_a_row_shows_mean_and_deviation_in_percent_beside_the_papers():
    lines = render_results(RESULTS).splitlines()
    assert lines[2] == "| kd | 52.00 ± 2.83 | 50.00 ± 0.00 | 10.00 ± 0.00 | 2 |  |  |"
    assert lines[3] == "| fotf | 60.00 | 50.00 | 10.00 | 1 | 69.66 | 4.0 |"


def test_a_page_gets_its_block_written_anew(tmp_path):
    (tmp_path / "page.md").write_text("before\n<!-- results:toy -->\nold\n<!-- /results:toy -->\nafter\n")
    paste_into_page(tmp_path / "page.md", RESULTS)
    assert "old" not in (tmp_path / "page.md").read_text()
    assert (tmp_path / "page.md").read_text().endswith("<!-- /results:toy -->\nafter\n")


@pytest.mark.parametrize("name", table_names())
def test_every_row_of_every_table_is_a_sound_experiment(name, tmp_path):
    plan = table(tmp_path, name, overrides={"data": "world"})
    for cell in plan.cells():
        if plan.row(cell).borrows is None:
            assert resolve_experiment(None, experiment_keys(plan, cell)).settings.seed == cell.seed


def test_a_teacher_is_trained_once_and_its_students_name_it(tmp_path):
    plan = table(tmp_path)
    assert [seed for row, seed in plan.cells() if row == "teacher"] == [0]
    assert experiment_keys(plan, Cell("kd", 2))["teacher"] == str(tmp_path / "runs" / "teacher-0" / "last")


def test_asked_for_other_seeds_rows_learn_from_the_same_teacher_as_before(tmp_path):
    plan = table(tmp_path, seeds=(1, 2))
    assert {cell for cell in plan.cells() if cell.row in ("teacher", "kd")} == {("teacher", 0), ("kd", 1), ("kd", 2)}
    assert experiment_keys(plan, Cell("kd", 1))["teacher"] == str(tmp_path / "runs" / "teacher-0" / "last")


def finish(plan, row, seed, miou, commit):
    folder = plan.folders.run(Cell(row, seed))
    folder.mkdir(parents=True)
    write_json(folder / "record.json", {"commit": commit, "versions": {}, "data": None})
    write_json(folder / "scores.json", {"miou": miou, "pixel_accuracy": 0.5, "ece_10": 0.1, "ece_15": 0.1})


def test_rows_that_were_not_asked_for_stay_as_the_file_has_them(tmp_path):
    first = table(tmp_path, runs=tmp_path / "here")
    finish(first, "kd", 0, 0.4, "abc")
    finish(first, "kd", 1, 0.5, "abc+")
    write_results(first)
    elsewhere = {"runs": tmp_path / "there"}
    finish(table(tmp_path, **elsewhere), "kd", 1, 0.6, "def")
    part = write_results(table(tmp_path, **elsewhere, seeds=(1,)))
    assert [(each["seed"], each["miou"], each["commit"]) for each in part["rows"]] == [(0, 0.4, "abc"), (1, 0.6, "def")]
    assert part["commit"] == "abc, def"
    other = write_results(table(tmp_path, **elsewhere, seeds=(1,), overrides={"steps": 5}))
    assert [each["seed"] for each in other["rows"]] == [1]  # of other keys: another table


def test_a_whole_table_keeps_nothing_that_it_has_not_run(tmp_path):
    first = table(tmp_path, runs=tmp_path / "here")
    finish(first, "kd", 0, 0.4, "abc")
    write_results(first)
    finish(table(tmp_path, runs=tmp_path / "there"), "kd", 1, 0.6, "def")
    assert [each["seed"] for each in write_results(table(tmp_path, runs=tmp_path / "there"))["rows"]] == [1]


def test_a_wrong_row_or_table_or_missing_data_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no row fog"):
        table(tmp_path, rows=("fog",))
    with pytest.raises(ValueError, match="did you mean 'fotf'"):
        table_definition("fotff")
    with pytest.raises(ValueError, match="--data DIR"):
        table(tmp_path, "fotf-camvid")


def test_a_wrong_inference_option_of_a_row_is_answered_with_the_nearest():
    with pytest.raises(ValueError, match=r"'scale' \(did you mean 'scales'\?\)"):
        TableRow.read({"method": "ssss", "inference": {"scale": [1]}})


def test_inference_options_of_a_table_come_back_from_json():
    keys = {"scales": [1, 0.5], "flip": True, "refiner": "crf", "steps": 3, "crf_settings": "excel"}
    options = parse_inference_options(keys)
    assert (options.scales, options.flip, options.refiner.crf_settings) == ((1.0, 0.5), True, "excel")
    assert parse_inference_options(json.loads(json.dumps(options.as_dict()))) == options


@pytest.mark.parametrize(
    "task",
    [
        TrainTask("runs/a-0", {"method": "fotf", "crop": [64, 64]}),
        PrepareTask("runs/a-0", {"method": "diclip"}, "runs/a-0.yaml"),
        EvaluateTask("a", "m", "world", "val", "s.json", parse_inference_options({"refiner": "par"}), stops=2),
        PseudoLabelTask("a", "m", "world", "train", "world", parse_inference_options({"scales": [1, 2]})),
        EnhancerTask("a", "world:dark=1", 3),
        AdaptTask("a", "m", "world", {"method": "tent", "seed": 1}, stops=4),
        WorldDepthTask("a", "world", 32, {"train": 2}, "other"),
    ],
)
def test_a_task_survives_the_way_to_its_process(task):
    assert task_from_json(json.loads(json.dumps(task_to_json(task)))) == task


SCORES = {"miou": 0.5, "pixel_accuracy": 0.5, "ece_10": 0.1, "ece_15": 0.1}


def pretend(task):
    """Writes the files that a task would write."""
    folder = Path(task.folder)
    write_text(folder / "record.json", '{"commit": "abc", "data": {"train": "1"}, "versions": {}}')
    if isinstance(task, TrainTask):
        write_text(folder / "metrics.jsonl", '{"step": 1, "val/miou": 0.25}\n')
    if isinstance(task, PseudoLabelTask):
        write_text(folder / "predictions.json", '{"finished": true}')
    if isinstance(task, EvaluateTask):
        scores = {**SCORES, "miou": 0.5 - (task.stops or 0) / 20}
        write_text(Path(task.out), json.dumps(scores))


@pytest.fixture
def tasks(monkeypatch):
    """The tasks of a table, whose files are written as if they had been run."""
    made = []

    def run(task, threads, stop):
        made.append(task)
        pretend(task)

    monkeypatch.setattr(runner, "run_task", run)
    return made


def kinds(tasks, row=""):
    """Kind and folder of each task of a row."""
    return [(type(task), Path(task.folder).name) for task in tasks if Path(task.folder).name.startswith(row)]


def test_a_table_by_darkness_scores_each_row_once_more_for_every_stop(tmp_path, tasks):
    plan = table(tmp_path, "dgkd-darkness", rows=("student",), seeds=(0,))
    lines = render_results(fill_table(plan)).splitlines()
    assert lines[0].startswith("| row | all light | 1 stop | 2 stops |")
    assert lines[2].startswith("| student | 50.00 | 45.00 | 40.00 |")
    evaluated = [task for task in tasks if isinstance(task, EvaluateTask)]
    assert [task.data for task in evaluated if task.stops is None][-1].endswith("dark=1")
    assert not any("dark=1" in task.data for task in evaluated if task.stops is not None)
    assert "by stops of light taken away" in (tmp_path / "results/dgkd-darkness.svg").read_text()


def test_the_main_scores_may_be_of_darkened_images_and_other_splits_stand_beside_them(tmp_path, tasks):
    plan = table(tmp_path, "dgkd-voc-night", rows=("enhanced",), overrides={"data": "world"})
    lines = render_results(found := fill_table(plan)).splitlines()
    assert "| learns from | all light | 2 stops | 4 stops | 6 stops | all light: ECE % |" in lines[0]
    assert lines[0].endswith("| 6 stops: ECE % | test: mIoU % | seeds |")
    cells = lines[3].split(" | ")
    assert cells[1] == "30.00"  # 50 - 4 stops of 5 each
    assert cells[3:] == ["50.00", "40.00", "30.00", "20.00", *4 * ["10.00"], "50.00", "1 |"]
    scored = [(task.split, task.stops) for task in tasks if "enhanced" in task.folder]
    assert scored == [("val", 4), ("val", 0), ("val", 2), ("val", 6), ("test", None)]
    assert found["rows"][1]["splits"] == {"test": {"miou": 0.5, "interval": None}}


def test_calibration_by_darkness_stands_beside_the_scores_on_request():
    row = {**result("kd", 0, 0.5), "stops": {"0": 0.5, "4": 0.3}, "stops_ece": {"0": 0.02, "4": 0.2}}
    shown = {**RESULTS, "rows": [row], "paper": [], "stops": [0, 4], "columns": ["miou", "stops_ece"]}
    head, _, line = render_results(shown).splitlines()[:3]
    assert head == "| row | mIoU % | all light | 4 stops | all light: ECE % | 4 stops: ECE % | seeds |"
    assert line == "| kd | 50.00 | 50.00 | 30.00 | 2.00 | 20.00 | 1 |"


def test_a_row_may_adapt_another_rows_model_to_images_without_labels(tmp_path, tasks):
    fill_table(table(tmp_path, "dgkd", rows=("adabn",), seeds=(1,)))
    adapted, scored = (task for task in tasks if "adabn" in task.folder)
    assert (adapted.model, adapted.data) == (str(tmp_path / "runs/teacher-0/last"), "world:scenes=2000,size=64,dark=1")
    assert (adapted.settings, adapted.stops) == ({"method": "adabn", "resize": 1.0, "seed": 1}, None)
    assert (scored.predictor, scored.data.endswith("dark=1")) == (str(tmp_path / "runs/adabn-1/model"), True)


def test_a_row_is_adapted_to_images_as_dark_as_it_is_scored_on(tmp_path):
    plan = table(tmp_path, "dgkd-voc-night", overrides={"data": "DATA"})
    adapted, scored = pending_tasks(plan, Cell("dgkd-adabn", 2))[:2]
    assert (adapted.model, adapted.data, adapted.stops) == (str(tmp_path / "runs/dgkd-2/last"), "DATA", 4)
    assert scored.data == "DATA"


def test_a_row_may_start_from_the_weights_of_another(tmp_path):
    plan = table(tmp_path, "dgkd-voc-night", overrides={"data": "DATA"})
    assert experiment_keys(plan, Cell("student", 2))["student_weights"] == str(tmp_path / "runs/teacher-0/last")
    assert plan.required_rows("student") == {"teacher"}
    assert plan.required_rows("dgkd-adabn") == {"teacher", "dgkd"}


def test_a_row_may_have_the_true_depth_of_the_world_in_training_and_in_use(tmp_path):
    plan = table(tmp_path, "dgkd-ablations")
    folder = str(tmp_path / "runs/depth-true")
    maps, prepared, _, scored = pending_tasks(plan, Cell("depth-true", 0))
    assert (maps.folder, maps.scenes) == (folder, {"train": 2000, "val": 2000, "test": 500})
    assert (prepared.keys["depth_files"], scored.options.depth) == (folder, folder)


@pytest.mark.parametrize(("kind", "scene"), [("true", 0), ("other", 1), ("constant", None)])
def test_depth_is_that_of_the_scene_or_of_the_next_or_the_same_everywhere(kind, scene, tmp_path):
    world = World("val", scenes=2, size=32)
    WorldDepthTask(str(tmp_path), "world", 32, {"val": 2}, kind).run()
    expected = np.zeros((32, 32)) if scene is None else world.scene(scene).depth
    np.testing.assert_allclose(np.load(tmp_path / "val-000000.npy"), expected, atol=1e-3)
    assert len(list(tmp_path.glob("*.npy"))) == 2


def test_captions_may_lie_beside_the_images(tmp_path):
    plan = table(tmp_path, "viladiff-coco", overrides={"data": "DATA"})
    assert experiment_keys(plan, Cell("true", 1))["captions"] == "DATA/captions.json"
    assert experiment_keys(plan, Cell("none", 1))["captions"] is None


def test_a_wrong_option_of_an_adaptation_is_answered_with_the_nearest():
    with pytest.raises(ValueError, match=r"'methods' \(did you mean 'method'\?\)"):
        TableRow.read({"adapts": "teacher", "adaptation": {"methods": "tent"}})


def test_finished_runs_are_not_repeated_and_all_are_written(tmp_path, tasks):
    plan = table(tmp_path, rows=("fotf",), seeds=(0, 1))
    assert [row["row"] for row in fill_table(plan)["rows"]] == ["teacher", "fotf", "fotf"]
    assert len(tasks) == 6
    fill_table(plan)
    assert len(tasks) == 6


def test_a_row_may_score_another_rows_model_in_its_own_way(tmp_path, tasks):
    found = fill_table(table(tmp_path, "weak", rows=("ssss-crf",), seeds=(0,)))
    assert [(entry["row"], entry["known_tags"], len(entry["curve"])) for entry in found["rows"]] == [
        ("ssss", 0.5, 1),
        ("ssss-crf", 0.5, 0),
    ]
    known, scored = (task for task in tasks if Path(task.folder).name == "ssss-crf-0")
    assert known.predictor == scored.predictor == str(tmp_path / "runs/ssss-0/last")
    assert (known.known_tags, known.split) == (True, "train")
    assert scored.options.refiner.name == "crf"


def test_an_untrained_method_labels_images_once_for_all_seeds(tmp_path, tasks):
    plan = table(tmp_path, "weak-voc", rows=("two-stage",), seeds=(1, 2), overrides={"data": "DATA"})
    cells = [f"{cell.row}-{cell.seed}" for cell in plan.wanted_cells()]
    assert cells == ["imagenet-fast-0", "two-stage-1", "two-stage-2"]
    labelled = runner.pending_tasks(plan, Cell("two-stage", 1))[0]
    assert (labelled.method, labelled.model) == (True, str(tmp_path / "runs/imagenet-fast-0.yaml"))
    assert experiment_keys(plan, Cell("two-stage", 2))["data"] == str(tmp_path / "runs/two-stage-1-labels")
    assert plan.sources(Cell("two-stage", 2)) == [Cell("imagenet-fast", 0), Cell("two-stage", 1)]


def test_known_tags_may_be_those_of_the_scored_images(tmp_path, tasks):
    data = {"data": "world:scenes=4,size=32", "pretrained": "none"}
    found = fill_table(table(tmp_path, "weak-voc", rows=("cam",), seeds=(0,), overrides=data))
    known = next(task for task in tasks if isinstance(task, EvaluateTask) and task.known_tags)
    assert known.split == "val"
    assert found["rows"][0]["known_tags_scored"] == 0.5


def test_a_row_may_be_trained_on_what_another_one_labels(tmp_path, tasks):
    fill_table(table(tmp_path, "weak", rows=("two-stage",), seeds=(1,)))
    assert kinds(tasks, "two-stage") == [
        (PseudoLabelTask, "two-stage-1-labels"),
        (TrainTask, "two-stage-1"),
        (EvaluateTask, "two-stage-1"),
    ]
    labelled, trained = (task for task in tasks if "two-stage" in task.folder and not isinstance(task, EvaluateTask))
    assert labelled.model == str(tmp_path / "runs/ssss-1/last")
    assert labelled.options.refiner.name == "crf"
    assert trained.keys["data"] == str(tmp_path / "runs/two-stage-1-labels")


def test_a_row_is_scored_on_the_world_it_was_trained_in(tmp_path):
    world = table(tmp_path, "world")
    assert scored_data(world) == "world:scenes=500,size=64"
    assert scored_data(world, world.definition.rows["masks"]) == "world:scenes=500,size=128"
    turned = table(tmp_path, "dgkd", overrides={"data": "world:clutter=8"})
    dark = scored_data(turned, turned.definition.rows["student"])
    assert dark == "world:scenes=500,size=64,clutter=8,dark=1"


def test_missing_splits_are_named_with_their_commands_before_anything_runs(tmp_path, images, tasks):
    camvid = table(tmp_path, "viladiff-camvid", overrides={"data": str(images)})
    with pytest.raises(ValueError, match=r"not chosen yet:\n  .* --share 1/8\n  .* --share 1/4$") as raised:
        fill_table(camvid)
    assert f"seglet data split {images} --share 1/8" in str(raised.value)
    assert tasks == []
    with pytest.raises(ValueError, match=r"no split '7/labelled' of .* yet; make it: seglet data split .* --count 7"):
        open_dataset(str(images), "7/labelled")


def test_a_row_may_brighten_with_a_network_that_learned_from_the_dark_alone(tmp_path, tasks):
    fill_table(table(tmp_path, "dgkd-enhance", rows=("zero-dce",), seeds=(0, 1)))
    trained, scored = (task for task in tasks if Path(task.folder).name.startswith("zero-dce-1"))
    out = tmp_path / "runs/zero-dce-1-enhancer"
    assert trained == EnhancerTask(str(out), "world:scenes=2000,size=64,dark=1", 1)
    assert scored.options.brighten == str(out / "zero-dce")


def test_models_of_rows_that_teach_are_those_of_the_first_seed(tmp_path):
    plan = table(tmp_path, "dgkd-enhance")
    assert plan.model_folder(Cell("zero-dce", 2)) == tmp_path / "runs/teacher-0/last"
    assert [seed for row, seed in plan.cells() if row == "direct"] == [0]  # nothing in it is drawn


def test_pseudo_labels_before_and_after_refinement_are_drawn_beside_the_table(tmp_path, tasks):
    folder = tmp_path / "runs/mixe-0"
    plan = table(tmp_path, "viladiff", rows=("supervised", "mixe"), seeds=(0,))
    fill_table(plan)
    assert not plan.file.with_name("viladiff-refined-miou.svg").exists()  # nothing refined them
    line = {"step": 1, "val/miou": 0.25, "refined/miou": 0.5, "val/boundary_iou": 0.1, "refined/boundary_iou": 0.2}
    write_text(folder / "metrics.jsonl", json.dumps(line) + "\n")
    fill_table(plan)
    for key, name in (("miou", "mIoU"), ("boundary_iou", "boundary IoU")):
        chart = plan.file.with_name(f"viladiff-refined-{key}.svg").read_text()
        texts = [element.text for element in ElementTree.fromstring(chart).iter() if element.tag.endswith("text")]
        assert texts[-2:] == ["mixe, predicted", "mixe, refined"]
        assert f"validation {name} %, by step" in texts


def test_rows_can_be_drawn_side_by_side(tmp_path, tasks):
    plan = table(tmp_path, "weak", rows=("ssss-crf",), seeds=(0,))
    fill_table(plan)
    build(Architecture("ssss-resnet18", width=0.125), WORLD_CLASSES).save(tmp_path / "runs/ssss-0/last")
    assert draw_table(plan, tmp_path / "p.png") == ["image", "truth", "ssss", "ssss-crf"]
    with Image.open(tmp_path / "p.png") as sheet:
        assert sheet.height > 4 * 96


def test_every_method_brings_a_short_run_for_the_demo():
    found = {method: demo_rows(method) for method in method_names()}
    assert [method for method, rows in found.items() if not rows] == ["concepts"]  # no small teacher of words ships
    assert list(table_definition("demo").rows) == [row for rows in found.values() for row in rows]
    assert all(TableRow.read(row).supervision for rows in found.values() for row in rows.values())


def test_a_method_alone_runs_behind_the_teacher_it_needs(tmp_path):
    assert table(tmp_path, "demo", rows=tuple(demo_rows("fotf"))).wanted_rows() == ["teacher", "fotf"]


def test_the_page_of_the_demo_holds_all_it_shows(tmp_path):
    Image.new("RGB", (2, 2)).save(tmp_path / "p.png")
    write_demo_page(tmp_path / "p.html", {**RESULTS, "title": "<toy>", "paper": []}, tmp_path / "p.png", ["a<b"])
    page = (tmp_path / "p.html").read_text()
    assert "default-src 'none'" in page
    assert "&lt;toy&gt;" in page
    assert "a&lt;b" in page
    assert "52.00 ± 2.83" in page
    assert page.count("http") == 1  # of the policy's own name


def test_a_table_shows_the_columns_it_names(tmp_path):
    entries = [{**entry, "confusion_ratio": {"single": 0.5}, "known_tags": 0.25} for entry in RESULTS["rows"][:2]]
    lines = render_results({**RESULTS, "rows": entries, "paper": [], "columns": ["known_tags", "single"]}).splitlines()
    assert lines[0] == "| row | with known tags, train: mIoU % | confusion ratio, one class | seeds |"
    assert lines[2] == "| kd | 25.00 ± 0.00 | 0.50 ± 0.00 | 2 |"


@pytest.mark.parametrize("file", TABLES, ids=lambda file: file.stem)
def test_pages_show_the_measured_results(file):
    results = json.loads(file.read_text())
    pages = [page.read_text() for page in [ROOT / "README.md", *ROOT.glob("docs/**/*.md")]]
    blocks = [page.partition(f"<!-- results:{file.stem} -->\n")[2].partition("\n<!-- /results")[0] for page in pages]
    assert render_results(results) in blocks


def test_curves_are_means_over_seeds():
    assert mean_curve([[[10, 0.2], [20, 0.4]], [[10, 0.4], [20, 0.5], [30, 0.9]]]) == [
        (10, pytest.approx(0.3)),
        (20, 0.45),
    ]


def test_a_chart_of_curves_is_sound_xml_with_a_line_for_each_row():
    rows = [
        {**entry, "row": "a<b" if entry["row"] == "kd" else "fotf", "curve": [[1, 0.1], [2, 0.3]]}
        for entry in RESULTS["rows"]
    ]
    tree = ElementTree.fromstring(score_chart({**RESULTS, "title": "toy & more", "rows": rows}))
    assert len(tree.findall("{http://www.w3.org/2000/svg}polyline")) == 2


def test_curves_begin_at_the_tens_below_and_long_or_many_names_make_the_image_larger():
    def drawn(names: list[str]) -> ElementTree.Element:
        rows = [{"row": name, "curve": [[1, 0.25], [2, 0.34]]} for name in names]
        return ElementTree.fromstring(score_chart({"title": "toy", "rows": rows}))

    few, many = drawn(["kd"]), drawn([f"a row of a long name {number}" for number in range(20)])
    assert few.get("viewBox") == "0 0 640 320"
    assert [float(size) for size in many.get("viewBox").split()[2:]] == [686, 396]
    ticks = [text.text for text in few.findall("{http://www.w3.org/2000/svg}text[@text-anchor='end']")]
    assert ticks == ["20", "30", "40"]


def test_a_table_by_share_draws_a_line_of_each_method_over_its_shares():
    rows = [
        {"row": "few-1-8", "seed": 0, "miou": 0.4},
        {"row": "few-1-8", "seed": 1, "miou": 0.6},
        {"row": "few-full", "seed": 0, "miou": 0.6},
        {"row": "more-full", "seed": 0, "miou": 0.7},
    ]
    tree = ElementTree.fromstring(results_chart({"title": "toy", "shares": ["1-8", "full"], "rows": rows}))
    space = "{http://www.w3.org/2000/svg}"
    (first, last), (alone,) = (line.get("points").split() for line in tree.findall(f"{space}polyline"))
    height, ten = [float(point.split(",")[1]) for point in (first, last, alone)], 248 / 3
    assert [height[0] - each for each in height] == pytest.approx([0, ten, 2 * ten], abs=0.1)  # of 50, 60 and 70 %
    assert first.split(",")[0] == "48.0"
    assert last.split(",")[0] == alone.split(",")[0]
    ticks = [text.text for text in tree.findall(f"{space}text[@text-anchor='middle']")]
    assert ticks == ["1/8", "full"]
    assert [text.text for text in tree.findall(f"{space}text")][-2:] == ["few", "more"]


def test_columns_are_computed_before_a_row_that_reads_some_is_trained(tmp_path):
    plan = table(tmp_path, "viladiff")
    assert [type(task) for task in pending_tasks(plan, Cell("supervised", 0))] == [TrainTask, EvaluateTask]
    assert [type(task) for task in pending_tasks(plan, Cell("vila", 0))] == [PrepareTask, TrainTask, EvaluateTask]


def test_a_row_may_be_scored_by_the_masks_its_method_makes_of_tags(tmp_path, tasks):
    found = fill_table(table(tmp_path, "diclip", rows=("identity", "identity-adapter"), seeds=(0,)))
    assert [entry["row"] for entry in found["rows"]] == ["identity", "identity-diclip", "identity-adapter"]
    made = {(type(task), Path(task.folder).name): task for task in tasks}
    assert (TrainTask, "identity-0") not in made
    assert made[PrepareTask, "identity-0"].experiment == str(tmp_path / "runs/identity-0.yaml")
    untrained, trained = made[EvaluateTask, "identity-0"], made[EvaluateTask, "identity-adapter-0"]
    assert (untrained.method, untrained.predictor) == (True, str(tmp_path / "runs/identity-0.yaml"))
    assert (trained.method, trained.predictor) == (True, str(tmp_path / "runs/identity-diclip-0"))


def test_what_a_method_reads_is_prepared_before_it_trains(tmp_path, tasks):
    fill_table(table(tmp_path, "diclip", rows=("identity-diclip",), seeds=(0,)))
    assert [type(task) for task in tasks] == [PrepareTask, TrainTask, EvaluateTask]


def test_a_task_runs_in_a_process_of_its_own_with_a_log(tmp_path, model):
    out = tmp_path / "a-0" / "scores.json"
    run_task(
        EvaluateTask(str(out.parent), str(model), "world:scenes=2,size=32", "val", str(out)), threads=1, stop=Event()
    )
    assert 0 <= read_json(out)["miou"] <= 1
    assert (tmp_path / "a-0.log").is_file()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_tasks_of_a_table_end_with_it(number, tmp_path):
    words = f"table fotf --rows teacher --seeds 0 --runs {tmp_path}/runs --results {tmp_path}".split()
    process = subprocess.Popen([sys.executable, "-m", "seglet", *words], env=ONE_THREAD)
    run = tmp_path / "runs/fotf/teacher-0"
    wait_until(lambda: (run / "metrics.jsonl").exists() and (run / LOCK_FILE).exists(), process)
    process.send_signal(number)
    process.wait(60)
    wait_until(lambda: not (run / LOCK_FILE).exists())  # the task saved, and let its folder go
    assert list((run / "checkpoints").glob("step-*"))


def wait_until(happened, process=None):
    for _ in range(15000):
        if happened() or (process is not None and process.poll() is not None):
            break
        time.sleep(0.02)
    assert happened()


def test_a_failed_task_shows_the_end_of_its_log(tmp_path):
    task = EvaluateTask(str(tmp_path / "a-0"), str(tmp_path / "none"), "world", "val", str(tmp_path / "s.json"))
    with pytest.raises(ValueError, match=r"task 'evaluate' failed in .*a-0.log ends:\n(.*\n)*  error: .*none"):
        run_task(task, threads=1, stop=Event())


def test_rows_of_the_dark_are_scored_in_the_dark_and_the_teacher_in_the_light(tmp_path):
    plan = table(tmp_path, "dgkd")
    worlds = {row: scored_data(plan, plan.definition.rows[row]) for row in ("teacher", "teacher-dark", "dgkd-dgf2")}
    assert worlds["teacher"] == "world:scenes=500,size=64"
    assert worlds["teacher-dark"] == worlds["dgkd-dgf2"] == "world:scenes=500,size=64,dark=1"


def test_of_real_pairs_the_teacher_learns_and_is_scored_in_the_light(tmp_path):
    plan = table(tmp_path, "dgkd-msrc", overrides={"data": "DARK", "light": "LIGHT"})
    teacher, student = (experiment_keys(plan, Cell(row, 0)) for row in ("teacher", "dgkd"))
    assert teacher["data"] == "LIGHT"
    assert "light" not in teacher
    assert (student["data"], student["light"]) == ("DARK", "LIGHT")
    assert scored_data(plan, plan.definition.rows["teacher"]) == scored_data(plan) == "LIGHT"
    assert scored_data(plan, plan.definition.rows["dgkd"]) == "DARK"


def test_a_table_of_real_pairs_begins_with_every_row_and_names_nobodys_folders(tmp_path):
    plan = table(tmp_path, "dgkd-msrc", overrides={"data": "/my/dark", "light": "/my/light"})
    check_splits(plan)  # `teacher-dark` has no experiment of its own
    assert override_words(plan.overrides) == ["--data", "DIR", "--light", "LIGHT"]


def test_depth_is_computed_before_a_row_that_reads_it_is_trained(tmp_path):
    plan = table(tmp_path, "dgkd")
    assert [type(task) for task in pending_tasks(plan, Cell("dgkd-dgf2", 0))][:2] == [PrepareTask, TrainTask]
    assert type(pending_tasks(plan, Cell("teacher", 0))[0]) is TrainTask


def test_the_world_of_a_row_is_no_key_of_its_experiment():
    row = TableRow.read({"method": "dgkd", "world": "dark=1"})
    assert (row.world, dict(row.experiment)) == ("dark=1", {"method": "dgkd"})


def test_the_share_of_a_gap_that_a_row_closes_is_that_of_each_seed():
    scores = {"few": (0.4, 0.5), "semi": (0.5, 0.5), "all": (0.6, 0.7)}
    rows = [{"row": row, "seed": seed, "miou": both[seed]} for row, both in scores.items() for seed in (0, 1)]
    results = {**RESULTS, "rows": rows, "paper": [], "columns": ["miou", "gap"], "between": {"semi": ["few", "all"]}}
    head, _, *lines = render_results(results).splitlines()[:5]
    assert head == "| row | mIoU % | of the gap closed % | seeds |"
    assert [line.split(" | ")[2] for line in lines] == ["", "25.00 ± 35.36", ""]
    assert gap_shares({**results, "rows": rows[:3]}) == {"semi": []}


def test_rows_are_compared_with_their_controls_seed_by_seed():
    rows = [result("kd", 0, 0.50), result("kd", 1, 0.54), result("kd", 2, 0.4)]
    rows += [result("entropy", 0, 0.51), result("entropy", 1, 0.56), result("class", 3, 0.9)]
    controls = {"entropy": ["kd"], "class": ["kd"]}
    results = {**RESULTS, "rows": rows, "controls": controls}
    (pair,) = paired_differences(results)
    assert dict(pair.differences) == pytest.approx({0: 1.0, 1: 2.0})
    assert (pair.test.better, pair.test.p) == (2, 0.5)
    assert "| entropy | kd | +1.50 ± 0.71 | 2 of 2 seeds | 0.50 |" in render_results(results).splitlines()


def test_a_matched_row_takes_the_weight_that_the_other_row_logged_on_the_same_seed(tmp_path):
    plan = table(tmp_path, "fotf-evidence")
    metrics = plan.folders.run(Cell("adaptive", 1)) / "metrics.jsonl"
    metrics.parent.mkdir(parents=True)
    write_text(metrics, '{"train/weight_effective": 1.5}\n{"val/miou": 0.1}\n{"train/weight_effective": 2.0}\n')
    assert training_keys(plan, Cell("kd-matched", 1))["kd_weight"] == 1.75
    assert "adaptive" in plan.required_rows("kd-matched")
    write_text(metrics, '{"val/miou": 0.1}\n')
    with pytest.raises(ValueError, match=r"matched to 'adaptive', but .* has no 'train/weight_effective'"):
        training_keys(plan, Cell("kd-matched", 1))
