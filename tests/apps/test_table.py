import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from seglet.apps import rows
from seglet.apps.curves import mean_curve, svg
from seglet.apps.rows import Table, definition, names
from seglet.apps.table import paste, render
from seglet.engine.experiment import resolve
from seglet.files import write_text

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


def test_a_wrong_row_or_table_or_missing_data_is_told(tmp_path):
    with pytest.raises(ValueError, match="no row fog"):
        table(tmp_path, rows=("fog",))
    with pytest.raises(ValueError, match="did you mean 'fotf'"):
        definition("fotff")
    with pytest.raises(ValueError, match="--data DIR"):
        table(tmp_path, name="fotf-camvid")


def test_finished_runs_are_not_repeated_and_all_are_written(tmp_path, monkeypatch):
    calls = []

    def fake(self, folder, *words):
        calls.append((words[0], folder.name))
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / "record.json", '{"commit": "abc", "data": {"train": "1"}, "versions": {}}')
        write_text(folder / "metrics.jsonl", '{"step": 1, "val/miou": 0.25}\n')
        if words[0] == "evaluate":
            write_text(folder / "scores.json", '{"miou": 0.5, "pixel_accuracy": 0.5, "ece_10": 0.1, "ece_15": 0.1}')

    monkeypatch.setattr(rows.Table, "call", fake)
    filled = table(tmp_path, rows=("fotf",), seeds=(0, 1))
    assert [row["row"] for row in filled.fill()["rows"]] == ["teacher", "fotf", "fotf"]
    assert len(calls) == 6
    filled.fill()
    assert len(calls) == 6


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


def test_a_picture_of_curves_is_sound_xml_with_a_line_for_each_row():
    rows = [
        {**entry, "row": "a<b" if entry["row"] == "kd" else "fotf", "curve": [[1, 0.1], [2, 0.3]]}
        for entry in RESULTS["rows"]
    ]
    tree = ElementTree.fromstring(svg({**RESULTS, "title": "toy & more", "rows": rows}))
    assert len(tree.findall("{http://www.w3.org/2000/svg}polyline")) == 2
