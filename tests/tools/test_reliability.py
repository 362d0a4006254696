"""The runner of faults: it strikes where it says, and sees what does not hold."""

import random

from tools.reliability.__main__ import write_counts
from tools.reliability.flips import flip_rows
from tools.reliability.hostile import mutate
from tools.reliability.row import Row, answers, refuses, tally


def test_trials_that_did_not_hold_are_named():
    assert tally("fault", "seen", [("a", True), ("b", False)]) == Row("fault", 2, 1, "seen; not held: b")


def test_an_error_for_users_holds_and_a_bug_does_not():
    def fail(kind):
        raise kind

    assert refuses(lambda: fail(ValueError))
    assert answers(lambda: fail(OSError))
    assert not refuses(lambda: None)
    assert not refuses(lambda: fail(KeyError))
    assert not answers(lambda: fail(KeyError))


def test_damage_in_every_kind_of_file_is_seen(tmp_path):
    rows = list(flip_rows(tmp_path, trials=5))
    assert len(rows) >= 16
    assert [row.fault for row in rows if row.held < row.tried] == []


def test_mutations_differ_and_come_again():
    made = [mutate(b"0 background\n1 cat\n", random.Random(seed)) for seed in range(20)]
    assert len(set(made)) > 15
    assert made == [mutate(b"0 background\n1 cat\n", random.Random(seed)) for seed in range(20)]


def test_counts_stand_between_the_marks_of_a_page(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- reliability -->\nold\n<!-- /reliability -->\nafter\n")
    write_counts(page, [Row("kill", 3, 2, "files")], "now")
    assert "| kill | 2 / 3 | files |" in page.read_text()
    assert "old" not in page.read_text()
    assert page.read_text().endswith("after\n")
