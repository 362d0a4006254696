import json
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
import torch
from benchmarks.__main__ import available, text
from benchmarks._fotf_passes import PRINTED, PassesCell, PassesResult, full_deviation, observing
from benchmarks._harness import Result, overhead, side_by_side

from seglet.models.architecture import Architecture
from seglet.models.distillation.class_teacher import ClassTeacher
from seglet.models.distillation.teachers import Frozen
from seglet.models.segmenter import build
from seglet.types import Classes


def work(amount: int) -> int:
    return sum(range(amount))


def test_every_comparison_is_named() -> None:
    assert {"confusion", "ece", "sliding"} <= set(available())


def test_the_list_is_printed_one_name_a_line() -> None:
    printed = subprocess.run([sys.executable, "-m", "benchmarks", "list"], capture_output=True, text=True, check=True)
    assert printed.stdout.splitlines() == available()


def test_a_result_holds_what_the_tables_read() -> None:
    names = ["name", "ours", "rival", "ratio", "unit", "equal", "shapes", "threads"]
    assert [field.name for field in fields(Result)] == names


def test_the_ratio_is_the_rival_over_ours_and_of_an_overhead_ours_over_the_base() -> None:
    faster = side_by_side("sum", lambda: work(1000), lambda: work(400_000), lambda a, b: a < b, "", repeats=3)
    assert faster.equal
    assert faster.ratio == pytest.approx(faster.rival / faster.ours)
    step = overhead("sum", lambda: work(2000), lambda: work(1000), lambda a, b: a < b, "", repeats=3)
    assert not step.equal
    assert step.ratio == pytest.approx(step.ours / step.rival)


def test_different_results_are_said_aloud() -> None:
    assert "DIFFERENT RESULTS" in text(Result("x", 1, 2, 2, "s", False, "", 1))
    assert json.dumps(vars(Result("x", 1, 2, 2, "s", False, "", 1)))


def test_table_6_has_a_line_for_each_cell_beside_the_papers_number() -> None:
    cells = (PassesCell(0, 0, 2.0, 2**20, 2.0, 2**20), PassesCell(5, 10, 2.1, 2**21, 9.0, 2**22))
    found = PassesResult("fotf-step", 2.1, 9.0, 4.3, "s", True, "", 1, cells).details().splitlines()
    assert found[2:] == [
        "| 0 | 0 | 100.0 | 1 MiB | 100.0 | 1 MiB | 100.0 |",
        "| 5 | 10 | 105.0 | 2 MiB | 450.0 | 4 MiB | 450.0 |",
        "100 is 2 s.",
    ]


def test_table_6_has_the_papers_numbers(shared_data: Path) -> None:
    file = shared_data.parent / "tables" / "fotf.json"
    if not file.is_file():
        pytest.skip(f"the paper's tables are not at {file}")
    (table,) = (each for each in json.loads(file.read_text(encoding="utf-8"))["tables"] if each["id"] == "6")
    printed = {(int(row["teacher passes"]), n): row[f"student {n}"] for row in table["rows"] for n in range(0, 21, 5)}
    assert printed == {(row, n): number for row, line in PRINTED.items() for n, number in line.items()}


@pytest.mark.parametrize("whole", [False, True])
def test_a_teacher_that_is_sampled_predicts_as_before(whole: bool) -> None:
    classes = Classes.named(["a", "b"])
    network = build(Architecture("pspnet-resnet18", width=0.0625), classes, seed=0).network
    teacher, images = (
        ClassTeacher(Frozen(network)),
        torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)),
    )
    before = teacher.observe(images).logits
    with observing(teacher, images, 3, whole):
        assert torch.equal(teacher.observe(images).logits, before)
    assert torch.equal(teacher.observe(images).logits, before)
    assert bool((full_deviation(network, images, 30) > 0).any())  # each pass leaves all four maps in two cases of three
