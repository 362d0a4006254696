import json
import subprocess
import sys
from dataclasses import fields

import pytest
from benchmarks.__main__ import available, text
from benchmarks._harness import Result, overhead, side_by_side


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
