"""The runner of faults: it strikes where it says, and sees what does not hold."""

import os
import random
import signal
from dataclasses import replace

from tools.reliability.crashes import _shares
from tools.reliability.flips import flip_rows
from tools.reliability.forked import run_forked
from tools.reliability.hostile import mutate
from tools.reliability.page import Group, read_groups, write_groups, write_page
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


def a_group(*rows):
    return Group("command", "0" * 40, "machine", 7, list(rows))


def test_counts_stand_between_the_marks_of_a_page(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- reliability -->\nold\n<!-- /reliability -->\nafter\n")
    write_page(page, {"commands": a_group(Row("kill", 3, 2, "files"))}, {"commands": "commands"})
    text = page.read_text()
    assert "| kill | 2 / 3 | files |" in text
    assert "**2 of 3 held.**" in text
    assert "old" not in text
    assert text.endswith("after\n")


def test_the_same_fault_stands_beside_itself_in_other_programs(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("<!-- reliability --><!-- /reliability -->")
    rows = [Row("train supervised: kill", 9, 9, "files"), Row("train: kill", 9, 4, "files", "a script")]
    write_page(page, {"peers": a_group(*rows)}, {"peers": "scripts"})
    assert "| train: kill | 9 / 9 | 4 / 9 |" in page.read_text()
    assert "**9 of 9 held.**" in page.read_text()


def test_groups_of_several_commands_are_kept_together(tmp_path):
    groups = {"a": a_group(Row("x", 1, 1, "e")), "b": a_group(Row("y", 2, 1, "e", "a script"))}
    groups["c"] = replace(a_group(), whole=False)
    write_groups(tmp_path / "results.json", groups)
    assert read_groups(tmp_path / "results.json") == groups
    assert read_groups(tmp_path / "none.json") == {}


def test_a_fault_strikes_where_it_says_in_tasks_too(tmp_path):
    def program(words):
        if os.fork() == 0:
            (tmp_path / "out/first").write_text("a")
            os._exit(0)
        os.wait()
        (tmp_path / "out/second").write_text("b")
        return 0

    (tmp_path / "out").mkdir()
    assert run_forked([], tmp_path / "out", program=program).events == 2
    (tmp_path / "out/second").unlink()
    assert run_forked([], tmp_path / "out", "kill", 1, program).code == -signal.SIGKILL
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["first"]


def test_moments_are_spread_over_the_run():
    assert _shares(4) == [0.25, 0.75]
    assert _shares(1) == [0.5]
