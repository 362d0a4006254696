import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image

from seglet.data.dataset import open_dataset
from seglet.data.world.dataset import CLASSES
from seglet.engine.experiment import resolve
from seglet.files import write_json, write_text
from seglet.methods import available
from seglet.models.architecture import Architecture
from seglet.models.segmenter import build
from seglet.results import runner
from seglet.results.collect import drawn
from seglet.results.curves import mean_curve, svg
from seglet.results.demo_page import write_page
from seglet.results.markdown import paste, render
from seglet.results.row import Recipe
from seglet.results.runner import Table
from seglet.results.tables import definition, demo_rows, names

ROOT = Path(__file__).parents[2]


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


def table(tmp_path, **changes):
    return Table(
        **{"name": "fotf", "runs": tmp_path / "runs", "results": tmp_path / "results", "overrides": {}, **changes}
    )


def test_the_papers_confusion_ratios_stand_beside_ours():
    ours = {**result("fotf", 0, 0.6), "confusion_ratio": {"single": 0.5, "cooccurring": None}}
    paper = [{"row": "fotf", "miou": 69.66, "single": 0.18}]
    head, _, line = render({**RESULTS, "rows": [ours], "columns": ["miou", "single"], "paper": paper}).splitlines()[:3]
    assert head.endswith("| seeds | paper: mIoU % | paper: ratio, one class |")
    assert line == "| fotf | 60.00 | 0.50 | 1 | 69.66 | 0.18 |"


def test_a_row_shows_mean_and_deviation_in_percent_beside_the_papers():
    lines = render(RESULTS).splitlines()
    assert lines[2] == "| kd | 52.00 ± 2.83 | 50.00 ± 0.00 | 10.00 ± 0.00 | 2 |  |  |"
    assert lines[3] == "| fotf | 60.00 | 50.00 | 10.00 | 1 | 69.66 | 4.0 |"


def test_a_page_gets_its_block_written_anew(tmp_path):
    (tmp_path / "page.md").write_text("before\n<!-- results:toy -->\nold\n<!-- /results:toy -->\nafter\n")
    paste(tmp_path / "page.md", RESULTS)
    assert "old" not in (tmp_path / "page.md").read_text()
    assert (tmp_path / "page.md").read_text().endswith("<!-- /results:toy -->\nafter\n")


@pytest.mark.parametrize("name", names())
def test_every_row_of_every_table_is_a_sound_experiment(name, tmp_path):
    filled = table(tmp_path, name=name, overrides={"data": "world"})
    for row, seed in filled.cells():
        if filled.recipe(row).model_of is None:
            assert resolve(None, filled.keys(row, seed)).settings.seed == seed


def test_a_teacher_is_trained_once_and_taught_rows_point_at_it(tmp_path):
    filled = table(tmp_path)
    assert [seed for row, seed in filled.cells() if row == "teacher"] == [0]
    assert filled.keys("kd", 2)["teacher"] == str(tmp_path / "runs" / "teacher-0" / "last")


def test_asked_for_other_seeds_rows_learn_from_the_same_teacher_as_before(tmp_path):
    filled = table(tmp_path, seeds=(1, 2))
    assert {cell for cell in filled.cells() if cell[0] in ("teacher", "kd")} == {("teacher", 0), ("kd", 1), ("kd", 2)}
    assert filled.keys("kd", 1)["teacher"] == str(tmp_path / "runs" / "teacher-0" / "last")


def finish(filled, row, seed, miou, commit):
    folder = filled.folder(row, seed)
    folder.mkdir(parents=True)
    write_json(folder / "record.json", {"commit": commit, "versions": {}, "data": None})
    write_json(folder / "scores.json", {"miou": miou, "pixel_accuracy": 0.5, "ece_10": 0.1, "ece_15": 0.1})


def test_rows_that_were_not_asked_for_stay_as_the_file_has_them(tmp_path):
    first = table(tmp_path, runs=tmp_path / "here")
    finish(first, "kd", 0, 0.4, "abc")
    finish(first, "kd", 1, 0.5, "abc+")
    first.write()
    elsewhere = {"runs": tmp_path / "there"}
    finish(table(tmp_path, **elsewhere), "kd", 1, 0.6, "def")
    part = table(tmp_path, **elsewhere, seeds=(1,)).write()
    assert [(each["seed"], each["miou"], each["commit"]) for each in part["rows"]] == [(0, 0.4, "abc"), (1, 0.6, "def")]
    assert part["commit"] == "abc, def"
    other = table(tmp_path, **elsewhere, seeds=(1,), overrides={"steps": 5}).write()
    assert [each["seed"] for each in other["rows"]] == [1]  # of other keys: another table


def test_a_whole_table_keeps_nothing_that_it_has_not_run(tmp_path):
    first = table(tmp_path, runs=tmp_path / "here")
    finish(first, "kd", 0, 0.4, "abc")
    first.write()
    finish(table(tmp_path, runs=tmp_path / "there"), "kd", 1, 0.6, "def")
    assert [each["seed"] for each in table(tmp_path, runs=tmp_path / "there").write()["rows"]] == [1]


def test_a_wrong_row_or_table_or_missing_data_is_told(tmp_path):
    with pytest.raises(ValueError, match="no row fog"):
        table(tmp_path, rows=("fog",))
    with pytest.raises(ValueError, match="did you mean 'fotf'"):
        definition("fotff")
    with pytest.raises(ValueError, match="--data DIR"):
        table(tmp_path, name="fotf-camvid")


@pytest.fixture
def calls(monkeypatch):
    """The commands of a table, answered with files as if they had been run."""
    made = []
    scores = {"miou": 0.5, "pixel_accuracy": 0.5, "ece_10": 0.1, "ece_15": 0.1}

    def fake(self, folder, *words):
        made.append((words[0], folder.name, *map(str, words[1:])))
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / "record.json", '{"commit": "abc", "data": {"train": "1"}, "versions": {}}')
        if words[0] == "train":
            write_text(folder / "metrics.jsonl", '{"step": 1, "val/miou": 0.25}\n')
        if words[0] == "predict":
            write_text(folder / "predictions.json", '{"finished": true}')
        if words[0] == "evaluate":
            write_text(words[-1], json.dumps(scores))

    monkeypatch.setattr(runner.Table, "call", fake)
    return made


def test_a_table_by_darkness_scores_each_row_once_more_for_every_stop(tmp_path, monkeypatch):
    called = []

    def call(self, folder, *words):
        called.append(words)
        folder.mkdir(parents=True, exist_ok=True)
        loss = int(words[words.index("--darken") + 1]) if "--darken" in words else 0
        kinds = {"miou": 0.4 - loss / 20, "pixel_accuracy": 0.5, "ece_10": 0.1, "ece_15": 0.1}
        (folder / words[-1]).write_text(json.dumps(kinds))
        (folder / "record.json").write_text('{"commit": "abc", "data": {}, "versions": {}}')

    monkeypatch.setattr(Table, "call", call)
    monkeypatch.setattr(Table, "train", lambda self, row, seed: None)
    night = table(tmp_path, name="dgkd-darkness", rows=("student",), seeds=(0,))
    lines = render(night.fill()).splitlines()
    assert lines[0].startswith("| row | all light | 1 stop | 2 stops |")
    assert lines[2].startswith("| student | 40.00 | 35.00 | 30.00 |")
    assert [str(words[words.index("--data") + 1]) for words in called if "--darken" not in words][-1].endswith("dark=1")
    assert not any("dark=1" in str(word) for words in called if "--darken" in words for word in words)
    assert "by stops of light taken away" in (tmp_path / "results/dgkd-darkness.svg").read_text()


def test_finished_runs_are_not_repeated_and_all_are_written(tmp_path, calls):
    filled = table(tmp_path, rows=("fotf",), seeds=(0, 1))
    assert [row["row"] for row in filled.fill()["rows"]] == ["teacher", "fotf", "fotf"]
    assert len(calls) == 6
    filled.fill()
    assert len(calls) == 6


def test_a_row_may_score_another_rows_model_in_its_own_way(tmp_path, calls):
    found = table(tmp_path, name="weak", rows=("ssss-crf",), seeds=(0,)).fill()
    assert [(entry["row"], entry["known_tags"], len(entry["curve"])) for entry in found["rows"]] == [
        ("ssss", 0.5, 1),
        ("ssss-crf", 0.5, 0),
    ]
    assert [call[:2] for call in calls].count(("train", "ssss-crf-0")) == 0
    known, scored = (call for call in calls if call[1] == "ssss-crf-0")
    assert known[2] == scored[2] == str(tmp_path / "runs/ssss-0/last")
    assert "--known-tags" in known
    assert "crf" in scored


def test_a_row_may_be_trained_on_what_another_one_labels(tmp_path, calls):
    table(tmp_path, name="weak", rows=("two-stage",), seeds=(1,)).fill()
    assert [call[:2] for call in calls if "two-stage" in call[1]] == [
        ("predict", "two-stage-1-labels"),
        ("train", "two-stage-1"),
        ("evaluate", "two-stage-1"),
    ]
    labelled, trained = (call for call in calls if call[0] in ("predict", "train") and "two-stage" in call[1])
    assert labelled[2] == str(tmp_path / "runs/ssss-1/last")
    assert trained[trained.index("--data") + 1] == str(tmp_path / "runs/two-stage-1-labels")


def test_a_row_is_scored_on_the_world_it_was_trained_in(tmp_path):
    world = table(tmp_path, name="world")
    assert world.data(500) == ("--data", "world:scenes=500,size=64")
    assert world.data(500, world.recipe("masks")) == ("--data", "world:scenes=500,size=128")
    turned = table(tmp_path, name="dgkd", overrides={"data": "world:clutter=8"})
    at_night = turned.data(200, turned.recipe("student"))
    assert at_night == ("--data", "world:scenes=200,size=64,clutter=8,dark=1")


def test_splits_that_nobody_made_yet_are_told_with_their_commands_before_anything_runs(tmp_path, images, calls):
    camvid = table(tmp_path, name="viladiff-camvid", overrides={"data": str(images)})
    with pytest.raises(ValueError, match=r"not chosen yet:\n  .* --share 1/8\n  .* --share 1/4$") as raised:
        camvid.fill()
    assert f"seglet data split {images} --share 1/8" in str(raised.value)
    assert calls == []
    with pytest.raises(ValueError, match=r"no split '7/labelled' of .* yet; make it: seglet data split .* --count 7"):
        open_dataset(str(images), "7/labelled")


def test_a_row_may_brighten_with_a_network_that_learned_from_the_dark_alone(tmp_path, calls):
    filled = table(tmp_path, name="dgkd-enhance", rows=("zero-dce",), seeds=(0, 1))
    filled.fill()
    made = [call for call in calls if call[1].startswith("zero-dce-1")]
    out = tmp_path / "runs/zero-dce-1-enhancer"
    assert [call[0] for call in made] == ["enhance", "evaluate"]
    learnt = ("--method", "zero-dce", "--train-data", "world:scenes=2000,size=64,dark=1", "--seed", "1")
    assert made[0][2:] == (*learnt, "--device", "cpu", "--out", str(out))
    assert made[1][-4:-2] == ("--brighten", str(out / "zero-dce"))


def test_models_of_rows_that_teach_are_those_of_the_first_seed(tmp_path):
    filled = table(tmp_path, name="dgkd-enhance")
    assert filled.model("zero-dce", 2) == tmp_path / "runs/teacher-0/last"
    assert [seed for row, seed in filled.cells() if row == "direct"] == [0]  # nothing in it is drawn


def test_pseudo_labels_before_and_after_refinement_are_drawn_beside_the_table(tmp_path, calls):
    folder = tmp_path / "runs/mixe-0"
    folder.mkdir(parents=True)
    filled = table(tmp_path, name="viladiff", rows=("supervised", "mixe"), seeds=(0,))
    filled.fill()
    assert not filled.file.with_name("viladiff-refined-miou.svg").exists()  # nothing refined them
    line = {"step": 1, "val/miou": 0.25, "refined/miou": 0.5, "val/boundary_iou": 0.1, "refined/boundary_iou": 0.2}
    write_text(folder / "metrics.jsonl", json.dumps(line) + "\n")
    filled.fill()
    for key, name in (("miou", "mIoU"), ("boundary_iou", "boundary IoU")):
        drawn = filled.file.with_name(f"viladiff-refined-{key}.svg").read_text()
        said = [element.text for element in ElementTree.fromstring(drawn).iter() if element.tag.endswith("text")]
        assert said[-2:] == ["mixe, as guessed", "mixe, refined"]
        assert f"validation {name} %, by step" in said


def test_rows_can_be_drawn_side_by_side(tmp_path, calls):
    filled = table(tmp_path, name="weak", rows=("ssss-crf",), seeds=(0,))
    filled.fill()
    build(Architecture("ssss-resnet18", width=0.125), CLASSES).save(tmp_path / "runs/ssss-0/last")
    assert filled.draw(tmp_path / "p.png") == ["image", "truth", "ssss", "ssss-crf"]
    with Image.open(tmp_path / "p.png") as drawn:
        assert drawn.height > 4 * 96


def test_every_method_brings_a_short_run_for_the_demo():
    found = {method: demo_rows(method) for method in available()}
    assert all(found.values())
    assert list(definition("demo")["rows"]) == [row for rows in found.values() for row in rows]
    assert all(Recipe.read(row).supervision for rows in found.values() for row in rows.values())


def test_a_method_alone_runs_behind_the_teacher_it_needs(tmp_path):
    assert table(tmp_path, name="demo", rows=tuple(demo_rows("fotf"))).wanted() == ["teacher", "fotf"]


def test_the_page_of_the_demo_holds_all_it_shows(tmp_path):
    Image.new("RGB", (2, 2)).save(tmp_path / "p.png")
    write_page(tmp_path / "p.html", {**RESULTS, "title": "<toy>", "paper": []}, tmp_path / "p.png", ["a<b"])
    page = (tmp_path / "p.html").read_text()
    assert "default-src 'none'" in page
    assert "&lt;toy&gt;" in page
    assert "a&lt;b" in page
    assert "52.00 ± 2.83" in page
    assert page.count("http") == 1  # of the policy's own name


def test_a_table_shows_the_columns_it_names(tmp_path):
    entries = [{**entry, "confusion_ratio": {"single": 0.5}, "known_tags": 0.25} for entry in RESULTS["rows"][:2]]
    lines = render({**RESULTS, "rows": entries, "paper": [], "columns": ["known_tags", "single"]}).splitlines()
    assert lines[0] == "| row | with known tags, train: mIoU % | confusion ratio, one class | seeds |"
    assert lines[2] == "| kd | 25.00 ± 0.00 | 0.50 ± 0.00 | 2 |"


@pytest.mark.parametrize("file", sorted((ROOT / "docs" / "results").glob("*.json")), ids=lambda file: file.stem)
def test_pages_show_the_measured_results(file):
    results = json.loads(file.read_text())
    pages = [page.read_text() for page in [ROOT / "README.md", *ROOT.glob("docs/**/*.md")]]
    blocks = [page.partition(f"<!-- results:{file.stem} -->\n")[2].partition("\n<!-- /results")[0] for page in pages]
    assert render(results) in blocks


def test_curves_are_means_over_seeds():
    assert mean_curve([[[10, 0.2], [20, 0.4]], [[10, 0.4], [20, 0.5], [30, 0.9]]]) == [
        (10, pytest.approx(0.3)),
        (20, 0.45),
    ]


def test_a_image_of_curves_is_sound_xml_with_a_line_for_each_row():
    rows = [
        {**entry, "row": "a<b" if entry["row"] == "kd" else "fotf", "curve": [[1, 0.1], [2, 0.3]]}
        for entry in RESULTS["rows"]
    ]
    tree = ElementTree.fromstring(svg({**RESULTS, "title": "toy & more", "rows": rows}))
    assert len(tree.findall("{http://www.w3.org/2000/svg}polyline")) == 2


def test_curves_begin_at_the_tens_below_and_long_or_many_names_make_the_image_larger():
    def drawn(names: list[str]) -> ElementTree.Element:
        rows = [{"row": name, "curve": [[1, 0.25], [2, 0.34]]} for name in names]
        return ElementTree.fromstring(svg({"title": "toy", "rows": rows}))

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
    tree = ElementTree.fromstring(drawn({"title": "toy", "shares": ["1-8", "full"], "rows": rows}))
    space = "{http://www.w3.org/2000/svg}"
    (first, last), (alone,) = (line.get("points").split() for line in tree.findall(f"{space}polyline"))
    height, ten = [float(point.split(",")[1]) for point in (first, last, alone)], 248 / 3
    assert [height[0] - each for each in height] == pytest.approx([0, ten, 2 * ten], abs=0.1)  # of 50, 60 and 70 %
    assert first.split(",")[0] == "48.0"
    assert last.split(",")[0] == alone.split(",")[0]
    ticks = [text.text for text in tree.findall(f"{space}text[@text-anchor='middle']")]
    assert ticks == ["1/8", "full"]
    assert [text.text for text in tree.findall(f"{space}text")][-2:] == ["few", "more"]


def test_columns_are_computed_before_a_row_that_reads_some(tmp_path, monkeypatch):
    called = []
    monkeypatch.setattr(Table, "call", lambda self, folder, *words: called.append(words[:2]))
    filled = table(tmp_path, name="viladiff")
    filled.train("supervised", 0)
    filled.train("vila", 0)
    assert called == [("train", "supervised"), ("prepare", "viladiff"), ("train", "viladiff")]


def test_a_row_may_be_scored_by_what_its_method_makes_of_tags(tmp_path, calls):
    found = table(tmp_path, name="diclip", rows=("identity", "identity-adapter"), seeds=(0,)).fill()
    assert [entry["row"] for entry in found["rows"]] == ["identity", "identity-diclip", "identity-adapter"]
    made = {(call[0], call[1]): call for call in calls}
    assert ("train", "identity-0") not in made
    assert made["evaluate", "identity-0"][2:4] == ("--method", str(tmp_path / "runs/identity-0.yaml"))
    assert made["evaluate", "identity-adapter-0"][2:4] == ("--method", str(tmp_path / "runs/identity-diclip-0"))


def test_what_a_method_reads_is_prepared_before_it_trains(tmp_path, calls):
    table(tmp_path, name="diclip", rows=("identity-diclip",), seeds=(0,)).fill()
    assert [call[0] for call in calls] == ["prepare", "train", "evaluate"]
