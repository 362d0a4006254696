"""Progress in words."""

import errno
import io
import sys

import pytest

from seglet.engine import console
from seglet.engine.console import ProgressDisplay, format_duration, print_message, progress_line


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (99, "99 s"), (180, "3 min"), (3570, "1 h 00 min"), (7500, "2 h 05 min")]
)
def test_durations_are_for_people(seconds, text):
    assert format_duration(seconds) == text


def test_a_line_says_how_far_and_how_long():
    assert progress_line("train", 50, 200, "steps", pace=2.5) == "train: 50/200 steps (25 %), 2.5/s, 60 s left"
    assert progress_line("check", 7, 0, "files", pace=None) == "check: 7 files"
    assert progress_line("train", 200, 200, "steps", pace=4.0) == "train: 200/200 steps (100 %), 4/s"


def test_a_pipe_gets_a_line_now_and_then(capsys, monkeypatch):
    now = iter(float(second) for second in range(1000))
    monkeypatch.setattr(console.time, "monotonic", lambda: next(now))
    with ProgressDisplay("train", 12) as steps:
        for done in range(1, 13):
            steps.advance(done, f"loss {done}")
    lines = capsys.readouterr().err.splitlines()
    assert [text.split()[1] for text in lines] == ["5/12", "10/12", "12/12"]
    assert lines[0] == "train: 5/12 steps (42 %), 1/s, 7 s left, loss 5"


def test_a_resumed_job_is_paced_by_what_it_did_itself(capsys, monkeypatch):
    now = iter([0.0, 0.0, 10.0])
    monkeypatch.setattr(console.time, "monotonic", lambda: next(now))
    steps = ProgressDisplay("train", 1000)
    steps.advance(500)
    steps.advance(520)
    assert capsys.readouterr().err == "train: 520/1000 steps (52 %), 2/s, 4 min left\n"


def test_a_notebook_gets_one_line_that_is_written_anew(monkeypatch):
    class Stream(io.StringIO):
        __module__ = "ipykernel.iostream"

    now, stream = iter(float(second) for second in range(1000)), Stream()
    monkeypatch.setattr(console.time, "monotonic", lambda: next(now))
    monkeypatch.setattr(console.sys, "stderr", stream)
    with ProgressDisplay("train", 6) as steps:
        steps.advance(1)
        steps.note("step 1: mIoU 50 %")
        for done in range(2, 7):
            steps.advance(done)
    shown = [line.rsplit("\r", 1)[-1].rstrip() for line in stream.getvalue().split("\n")]
    assert shown == ["step 1: mIoU 50 %", "train: 6/6 steps (100 %), 1/s", ""]
    assert stream.getvalue().count("\rtrain: ") == 2


def test_other_processes_are_silent(capsys):
    with ProgressDisplay("train", 3, active=False) as steps:
        steps.advance(3, "loss")
        steps.note("hello")
        steps.expect(4)
    assert capsys.readouterr().err == ""


def test_a_terminal_gets_a_bar(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    with ProgressDisplay("train [x]", 3) as steps:
        steps.advance(2, "loss [1]")
        steps.note("[bold]as it is")
    shown = capsys.readouterr().err
    assert "train [x]" in shown
    assert "[bold]as it is" in shown


@pytest.mark.parametrize("number", [errno.EPIPE, errno.ENOSPC])
def test_work_goes_on_where_nobody_reads_messages(number, monkeypatch):
    class Gone(io.StringIO):
        def write(self, text):
            raise OSError(number, "gone")

    monkeypatch.setattr(sys, "stderr", Gone())
    assert print_message("step 1") is None
